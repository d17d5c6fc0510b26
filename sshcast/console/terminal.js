// A command's output as text with colours. What else a terminal would obey is left out; all of it is textContent,
// never HTML. The expressions are those of sshcast/terminal.py.

import { word } from "/playground/words.js";

const STRING = "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x90\\x98\\x9c-\\x9f]*";
const STRINGS = `${STRING}(?:\\x07|\\x1b\\\\|\\x9c)`;
const CSI = "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]";
const ESCAPE = "\\x1b[ -/]*[0-OQ-WYZ\\\\`-~]";
const CONTROLS = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\u200e\\u200f\\u061c]";
export const OBEYED = new RegExp(`${STRINGS}|${CSI}|${ESCAPE}|${CONTROLS}`, "g");
export const COLOUR = /^\x1b\[([0-9;]*)m$/;
const UNFINISHED = new RegExp(`(?:${STRING}\\x1b?|\\x1b(?:\\[[0-?]*[ -/]*|[ -/]*)?|\\x9b[0-?]*[ -/]*|\\r)$`);
const LONGEST_HELD = 4096;
// What is shown at most: characters, each coloured piece counted as some more; and pieces of one event.
const MOST_SHOWN = 500_000;
const PIECE_COST = 20;
const NOTE_COST = 100;
const MOST_PIECES = 4000;
const STYLES = { 1: ["bold", true], 2: ["dim", true], 3: ["italic", true], 4: ["underline", true], 7: ["inverse", true] };
const ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 39: ["fg"], 49: ["bg"] };

export class Terminal {
  constructor(element) {
    this.element = element;
    this.clear();
  }

  clear() {
    this.element.replaceChildren();
    this.streams = {};
    this.shown = 0;
    this.cut = false;
  }

  // Text of one stream, as it comes: a sequence that is split between two calls stays whole.
  write(stream, text) {
    const known = (this.streams[stream] ??= { held: "", style: {} });
    let whole = known.held + text;
    const begun = UNFINISHED.exec(whole);
    known.held = begun && whole.length - begun.index <= LONGEST_HELD ? whole.slice(begun.index) : "";
    whole = whole.slice(0, whole.length - known.held.length).replace(/\r\n/g, "\n").replace(/\r/g, "\n");
    const block = document.createElement("span");
    block.className = stream.toLowerCase();
    const pieces = fill(block, whole, known.style);
    this.append(block, whole.length + PIECE_COST * pieces);
  }

  // A line of ours between the command's output, in place of the last line where that was about the same thing.
  note(about, ...parts) {
    const last = this.element.lastElementChild;
    if (last?.dataset.about === about) {
      this.shown -= last.cost;
      last.remove();
    }
    const line = document.createElement("span");
    line.className = "note";
    line.dataset.about = about;
    line.append(...parts);
    this.append(line, NOTE_COST);
  }

  append(node, cost) {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    const following = scrollHeight - scrollTop - clientHeight < 40;
    this.element.append(node);
    node.cost = cost;
    this.shown += cost;
    while (this.shown > MOST_SHOWN && this.element.childElementCount > 1) this.drop();
    if (following) this.element.scrollTop = this.element.scrollHeight;
  }

  drop() {
    if (!this.cut) {
      const line = document.createElement("span");
      line.className = "note";
      line.textContent = word("left_out");
      line.cost = 0;
      this.element.prepend(line);
      this.cut = true;
    }
    const oldest = this.element.children[1];
    this.shown -= oldest.cost;
    oldest.remove();
  }
}

// Text between colours becomes one piece. Returns how many there are; past the limit, colours are only kept in mind.
function fill(block, text, style) {
  let from = 0;
  let run = "";
  let pieces = 0;
  const flush = () => {
    if (!run) return;
    block.append(piece(run, style));
    pieces += 1;
    run = "";
  };
  for (const match of text.matchAll(OBEYED)) {
    run += text.slice(from, match.index);
    from = match.index + match[0].length;
    const colour = COLOUR.exec(match[0]);
    if (!colour) continue;
    if (pieces < MOST_PIECES) flush();
    restyle(style, colour[1].split(";").map(Number));
  }
  run += text.slice(from);
  flush();
  return pieces;
}

function piece(text, style) {
  const span = document.createElement("span");
  span.textContent = text;
  for (const [name, value] of Object.entries(style)) {
    if (value === true) span.classList.add(name);
    else if (typeof value === "number") span.classList.add(`${name}-${value}`);
    else span.style[name === "fg" ? "color" : "backgroundColor"] = value;
  }
  return span;
}

export function restyle(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    const ground = code % 60 < 40 ? "fg" : "bg";
    if (code === 0) for (const name of Object.keys(style)) delete style[name];
    else if (STYLES[code]) style[STYLES[code][0]] = STYLES[code][1];
    else if (ENDS[code]) for (const name of ENDS[code]) delete style[name];
    else if (code === 38 || code === 48) i += extended(style, ground, codes.slice(i + 1, i + 5));
    else if ((code >= 30 && code <= 47) || (code >= 90 && code <= 107)) style[ground] = (code % 10) + (code >= 90 ? 8 : 0);
  }
}

// 38;5;N and 38;2;R;G;B. Returns how many codes it took.
function extended(style, ground, [kind, ...values]) {
  if (kind === 5) {
    style[ground] = indexed(values[0] & 255);
    return 2;
  }
  if (kind !== 2) return 0;
  const [red, green, blue] = values.map((value) => value & 255);
  style[ground] = `rgb(${red ?? 0} ${green ?? 0} ${blue ?? 0})`;
  return 4;
}

function indexed(number) {
  if (number < 16) return number;
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (step) => (step ? 55 + step * 40 : 0);
  const cube = number - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}
