// A command's output as text with colours. What else a terminal would obey is left out; all of it is textContent,
// never HTML. The expressions are those of sshcast/terminal.py.

import { word } from "/playground/words.js";

const STRINGS = "(?:\\x1b[\\]PX^_]|[\\x9d\\x90\\x98\\x9e\\x9f])(?:[^\\x07\\x1b\\x9c]|\\x1b(?!\\\\))*(?:\\x07|\\x1b\\\\|\\x9c)";
const CSI = "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]";
const ESCAPE = "\\x1b[ -/]*[0-OQ-WYZ\\\\`-~]";
const CONTROLS = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\u200e\\u200f\\u061c]";
const OBEYED = new RegExp(`${STRINGS}|${CSI}|${ESCAPE}|${CONTROLS}`, "g");
const COLOUR = /^\x1b\[([0-9;]*)m$/;
const UNFINISHED = /(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\x9c]*\x1b?|[ -/]*)?|\x9b[0-?]*[ -/]*|\r)$/;
const LONGEST_HELD = 4096;
const MOST_SHOWN = 500_000;
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
    fill(block, whole, known.style);
    this.append(block, whole.length);
  }

  // A line of ours between the command's output, in place of the last line where that was about the same thing.
  note(about, ...parts) {
    if (this.element.lastElementChild?.dataset.about === String(about)) this.element.lastElementChild.remove();
    const line = document.createElement("span");
    line.className = "note";
    line.dataset.about = about;
    line.append(...parts);
    this.append(line, line.textContent.length);
  }

  append(node, size) {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    const following = scrollHeight - scrollTop - clientHeight < 40;
    this.element.append(node);
    this.shown += size;
    while (this.shown > MOST_SHOWN && this.element.childElementCount > 1) this.drop();
    if (following) this.element.scrollTop = this.element.scrollHeight;
  }

  drop() {
    if (!this.cut) {
      const line = document.createElement("span");
      line.className = "note";
      line.textContent = word("left_out");
      this.element.prepend(line);
      this.cut = true;
    }
    const oldest = this.element.children[1];
    this.shown -= oldest.textContent.length;
    oldest.remove();
  }
}

function fill(block, text, style) {
  let from = 0;
  for (const match of text.matchAll(OBEYED)) {
    piece(block, text.slice(from, match.index), style);
    from = match.index + match[0].length;
    const colour = COLOUR.exec(match[0]);
    if (colour) restyle(style, colour[1].split(";").map(Number));
  }
  piece(block, text.slice(from), style);
}

function piece(block, text, style) {
  if (!text) return;
  const span = document.createElement("span");
  span.textContent = text;
  for (const [name, value] of Object.entries(style)) {
    if (value === true) span.classList.add(name);
    else if (typeof value === "number") span.classList.add(`${name}-${value}`);
    else if (value) span.style[name === "fg" ? "color" : "backgroundColor"] = value;
  }
  block.append(span);
}

function restyle(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    const ground = code % 60 < 40 ? "fg" : "bg";
    if (code === 0) for (const name of Object.keys(style)) delete style[name];
    else if (STYLES[code]) style[STYLES[code][0]] = STYLES[code][1];
    else if (ENDS[code]) for (const name of ENDS[code]) delete style[name];
    else if (code === 38 || code === 48) i += extended(style, ground, codes.slice(i + 1));
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
