// A search over the whole log, by the service: the numbers of the lines with a match, page after page.

// As many matches are counted; behind the last one, the next page is asked for when somebody goes there.
const MOST_COUNTED = 5_000;

export class LogSearch {
  constructor(reader, { onChange }) {
    this.reader = reader;
    this.onChange = onChange;
    this.clear();
  }

  clear() {
    this.run = {};
    this.wanted = null;
    this.numbers = [];
    this.index = -1;
    this.cursor = null;
    this.isComplete = true;
    this.error = null;
    this.onChange();
  }

  get current() {
    return this.numbers[this.index] ?? null;
  }

  // `wanted`: { pattern, syntax, ignoreCase }. Resolves when the first match is known, or that there is none.
  async begin(wanted) {
    this.clear();
    this.wanted = wanted;
    this.isComplete = false;
    this.onChange();
    const { run } = this;
    await this.read(run, () => this.numbers.length > 0);
    if (this.run !== run) return;
    this.index = this.numbers.length ? 0 : -1;
    this.onChange();
    this.read(run, () => this.numbers.length >= MOST_COUNTED);
  }

  async read(run, isEnough) {
    while (this.run === run && !this.isComplete && !this.error && !isEnough()) {
      if (this.reading) {
        await this.reading;
        continue;
      }
      this.reading = this.readOne(run).finally(() => {
        this.reading = null;
      });
      await this.reading;
    }
  }

  async readOne(run) {
    try {
      const found = await this.reader.findMatches(this.wanted, this.cursor);
      if (this.run !== run) return;
      for (const { number } of found.nodes) if (number !== this.numbers.at(-1)) this.numbers.push(number);
      this.cursor = found.endCursor;
      this.isComplete = found.isComplete;
    } catch (error) {
      if (this.run === run) this.error = error;
    }
    if (this.run === run) this.onChange();
  }

  // The next match, or the one before. From the last known one of a run that goes on, it looks whether there are more.
  async go(step) {
    const { run } = this;
    if (step > 0 && this.index === this.numbers.length - 1) {
      const known = this.numbers.length;
      this.isComplete = false;
      await this.read(run, () => this.numbers.length > known);
      if (this.run !== run) return;
    }
    if (!this.numbers.length) return;
    this.index = (this.index + step + this.numbers.length) % this.numbers.length;
    this.onChange();
  }
}

// What finds the same in a line that is shown; null where the expression is none that a browser knows.
export function compilePattern({ pattern, syntax, ignoreCase }) {
  try {
    const text = syntax === "LITERAL" ? pattern.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&") : pattern;
    return new RegExp(text, ignoreCase ? "gi" : "g");
  } catch {
    return null;
  }
}

// Paints the matches in the rows that are shown, without changing an element (the browser's own highlights).
export function highlight(layer, pattern, current) {
  if (!globalThis.CSS?.highlights) return;
  const found = { "log-match": [], "log-current": [] };
  if (pattern) {
    for (const row of layer.children) {
      const ranges = findRanges(row.querySelector(".log-text"), pattern);
      found[Number(row.dataset.n) === current ? "log-current" : "log-match"].push(...ranges);
    }
  }
  for (const [name, ranges] of Object.entries(found)) CSS.highlights.set(name, new Highlight(...ranges));
}

function findRanges(element, pattern) {
  const nodes = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let length = 0;
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode, from: length });
    length += walker.currentNode.length;
  }
  const place = (offset) => {
    const { node, from } = nodes.findLast((each) => each.from <= offset);
    return [node, Math.min(offset - from, node.length)];
  };
  const ranges = [];
  for (const match of element.textContent.matchAll(pattern)) {
    if (!match[0] || ranges.length > 200) continue;
    const range = document.createRange();
    range.setStart(...place(match.index));
    range.setEnd(...place(match.index + match[0].length));
    ranges.push(range);
  }
  return ranges;
}
