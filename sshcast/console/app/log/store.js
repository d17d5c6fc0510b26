// The lines of one output that are in memory: pages that were read, and the tail, which grows while the run goes on. Far-away
// pages are let go and read again. A row is a line, or the gap where output was left out at the output limit.

import { LineBuilder } from "/console/log/lines.js";
import { TAIL } from "/console/runs/execution_fields.js";

const PAGE = 256;
// Lines read before a page only for the colours that they leave on.
const LOOK_BACK = 32;
const MOST_PAGES = 32;
const MOST_CHARACTERS = 3_000_000;
const LONGEST_TAIL = 4_000;

export class LogStore {
  constructor(reader, { onPage }) {
    this.reader = reader;
    this.onPage = onPage;
    this.reset();
  }

  reset() {
    this.pages = new Map();
    this.asked = new Set();
    this.tail = new LineBuilder();
    this.first = 1; // the number of the tail's first line
    this.gap = null;
  }

  // Reads the facts and the end of the output, and where its gap is. Returns the facts; null if there is no such execution.
  async begin() {
    const facts = await this.reader.readEnd();
    if (!facts) return null;
    const slice = facts.output;
    const gap = await this.locateGap(facts.outputGap);
    this.reset();
    this.gap = gap;
    for (const part of slice.parts) this.tail.add(part);
    this.first = slice.firstLine ?? 1;
    if (slice.lineCount === TAIL && slice.hasBefore) this.first += this.tail.drop(LOOK_BACK);
    // Where the slice begins within a line, that line is read as a page of its own.
    if (slice.hasBefore && slice.lineCount < TAIL && this.tail.lines.length > 1 && !(gap && slice.startCursor === gap.endCursor)) {
      this.first += this.tail.drop(1);
    }
    return facts;
  }

  // { headLast, tailFirst, bytes, lines, … }: the line in which the output before the gap ends, and that in which it goes on.
  async locateGap(gap) {
    if (!gap) return null;
    const [before, after] = await Promise.all([
      this.reader.readSlice({ before: gap.startCursor, maxBytes: 16 }),
      this.reader.readSlice({ after: gap.endCursor, maxBytes: 16 }),
    ]);
    const headLast = before.firstLine ? before.firstLine + before.lineCount - 1 : 0;
    return { ...gap, headLast, tailFirst: after.firstLine ?? headLast + gap.lines + 1 };
  }

  addChunk(chunk) {
    this.tail.add(chunk);
    const over = this.tail.lines.length > LONGEST_TAIL || this.tail.characters > MOST_CHARACTERS;
    if (over && this.tail.lines.length > 1) this.first += this.tail.drop(Math.ceil(this.tail.lines.length / 3));
  }

  // The number of the last line.
  get total() {
    return this.first + this.tail.lines.length - 1;
  }

  get rowCount() {
    if (!this.gap) return this.total;
    return this.gap.headLast + 1 + Math.max(0, this.total - this.gap.tailFirst + 1);
  }

  // The number of the line in a row, counted from 0; null for the gap.
  numberOf(row) {
    if (!this.gap || row < this.gap.headLast) return row + 1;
    return row === this.gap.headLast ? null : this.gap.tailFirst + row - this.gap.headLast - 1;
  }

  rowOf(number) {
    const { gap } = this;
    const row = !gap || number <= gap.headLast ? number - 1 : number < gap.tailFirst ? gap.headLast : gap.headLast + 1 + number - gap.tailFirst;
    return Math.max(0, Math.min(row, this.rowCount - 1));
  }

  isGap(row) {
    return this.gap !== null && row === this.gap.headLast;
  }

  // The line in a row, or null if it is not in memory.
  find(row) {
    const number = this.numberOf(row);
    if (number === null) return null;
    const isBehind = !this.gap || row > this.gap.headLast;
    if (isBehind && number >= this.first) return this.tail.lines[number - this.first] ?? null;
    const { key, first } = this.placeOf(row);
    const page = this.pages.get(key);
    return page?.lines[number - first] ?? null;
  }

  // Which page a row is in: the pages before the gap and those behind it are counted apart.
  placeOf(row) {
    const number = this.numberOf(row);
    const isBehind = this.gap !== null && row > this.gap.headLast;
    const begin = isBehind ? this.gap.tailFirst : 1;
    const index = Math.floor((number - begin) / PAGE);
    const first = begin + index * PAGE;
    const end = this.gap && !isBehind ? this.gap.headLast : Math.max(this.total, number);
    return { key: `${isBehind ? "b" : "a"}${index}`, first, last: Math.min(first + PAGE - 1, end), isBehind, isFirst: index === 0 };
  }

  // Asks for the pages of these rows that are not in memory; `onPage` is told of each.
  want(rows) {
    for (const row of rows) {
      if (this.numberOf(row) === null || row < 0 || row >= this.rowCount || this.find(row)) {
        this.touch(row);
        continue;
      }
      const place = this.placeOf(row);
      if (this.asked.has(place.key) || this.asked.size > 3) continue;
      this.load(place);
    }
  }

  touch(row) {
    if (this.numberOf(row) === null) return;
    const { key } = this.placeOf(row);
    const page = this.pages.get(key);
    if (!page) return;
    this.pages.delete(key);
    this.pages.set(key, page);
  }

  async load(place) {
    const { asked, pages } = this;
    asked.add(place.key);
    try {
      const page = await this.readPage(place);
      pages.set(place.key, page);
      this.letGo();
      asked.delete(place.key);
      if (pages === this.pages) this.onPage(null);
    } catch (error) {
      setTimeout(() => asked.delete(place.key), 1000);
      if (pages === this.pages) this.onPage(error);
    }
  }

  letGo() {
    const count = () => [...this.pages.values()].reduce((sum, page) => sum + page.characters, 0);
    while (this.pages.size > MOST_PAGES || (this.pages.size > 2 && count() > MOST_CHARACTERS)) {
      this.pages.delete(this.pages.keys().next().value);
    }
  }

  // Lines from `first` to `last`, whole, in as many slices as it takes.
  async readPage({ first, last, isBehind, isFirst }) {
    const builder = new LineBuilder();
    const look = isFirst ? 0 : LOOK_BACK;
    const begin = isBehind && isFirst ? { after: this.gap.endCursor } : { fromLine: first - look };
    let where = { ...begin, lines: last - first + 1 + look };
    for (;;) {
      const slice = await this.reader.readSlice(where);
      for (const part of slice.parts) builder.add(part);
      const reached = slice.firstLine === null ? last : slice.firstLine + slice.lineCount - 1;
      const atGap = !isBehind && this.gap !== null && slice.endCursor === this.gap.startCursor;
      if (!slice.hasAfter || atGap || slice.firstLine === null || (reached >= last && !builder.open)) break;
      const isEnough = builder.open?.cut > 0;
      if (isEnough && reached >= last) break;
      if (isEnough) builder.close();
      where = isEnough
        ? { fromLine: reached + 1, lines: last - reached }
        : { after: slice.endCursor, lines: last - reached + (builder.open ? 1 : 0), maxBytes: 1_048_576 };
    }
    builder.drop(look);
    return { lines: builder.lines, characters: builder.characters };
  }
}
