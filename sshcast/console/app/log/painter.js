// Makes the element of a row: its number, time and stream beside the text. All of a command's text is textContent; numbers and
// times are attributes that the style sheet shows, so that nobody selects or copies them.

import { fill, h } from "/console/dom.js";
import { readLine, wrapRuns } from "/console/log/line.js";
import { word } from "/playground/words.js";

// Cells of a line that are shown if lines are not wrapped, and wide characters that each get a place of their own.
const MOST_CELLS = 8_000;
const MOST_PLACED = 400;
const clock = (number, digits) => String(number).padStart(digits, "0");

export function formatClock(iso) {
  const at = new Date(iso);
  return `${clock(at.getHours(), 2)}:${clock(at.getMinutes(), 2)}:${clock(at.getSeconds(), 2)}.${clock(at.getMilliseconds(), 3)}`;
}

// The rows of text of a line: one, or as many as it takes in `columns` (null: lines are not wrapped).
export function layLine(line, columns) {
  const read = readLine(line);
  return columns === null ? [wrapRuns(read, MOST_CELLS)[0]] : wrapRuns(read, columns);
}

export function paintLine(line, number, columns) {
  const isError = line.parts.some(({ stream, text }) => stream === "STDERR" && text);
  const rows = layLine(line, columns);
  const text = h("span", { class: "log-text" });
  if (rows.length === 1) text.append(...paintRuns(rows[0]));
  else text.append(...rows.map((runs) => h("span", { class: "log-part" }, paintRuns(runs))));
  const stream = isError ? (line.parts.some((part) => part.stream === "STDOUT" && part.text) ? "both" : "err") : "out";
  return h(
    "div",
    { class: isError ? "log-row err" : "log-row", data: { n: number } },
    h("a", { class: "log-no", href: `#L${number}`, tabindex: "-1", "aria-label": String(number), data: { n: number } }),
    h("span", { class: "log-at", data: { at: formatClock(line.at) } }),
    h("span", { class: "log-from", data: { from: stream } }),
    text,
    line.cut > 0 && h("span", { class: "log-note" }, fill(word("log_cut"), { count: line.cut.toLocaleString() })),
  );
}

export function paintWaiting(number) {
  return h("div", { class: "log-row waiting", data: { n: number } }, h("span", { class: "log-no", data: { n: number } }), h("span", { class: "log-text" }, "…"));
}

export function paintGap(gap) {
  const values = { bytes: gap.bytes.toLocaleString(), lines: gap.lines.toLocaleString() };
  return h("div", { class: "log-row left-out" }, h("span", { class: "log-no" }), h("span", { class: "log-text log-note" }, fill(word("log_gap"), values)));
}

function paintRuns(runs) {
  let placed = 0;
  return (runs ?? []).flatMap((run) => {
    const parts = [];
    for (const [text, cells, count] of groupCells(run)) {
      if (cells === count) parts.push(paintText(text, run.style));
      else if (placed++ < MOST_PLACED) parts.push(paintWide(text, run.style, cells));
      else parts.push(paintText(text, run.style));
    }
    return parts;
  });
}

// Narrow text in one group, each wide character in one of its own: [text, cells, characters].
function* groupCells({ text, cells, characters }) {
  if (!characters) {
    yield [text, cells, cells];
    return;
  }
  let narrow = "";
  let width = 0;
  for (const [character, size] of characters) {
    if (size < 2) {
      narrow += character;
      width += size;
      continue;
    }
    if (narrow) yield [narrow, width, width];
    narrow = "";
    width = 0;
    yield [character, size, 1];
  }
  if (narrow) yield [narrow, width, width];
}

function paintText(text, style) {
  if (!Object.keys(style).length) return document.createTextNode(text);
  return paintStyle(h("span", {}, text), style);
}

function paintWide(text, style) {
  return paintStyle(h("span", { class: "log-wide" }, text), style);
}

function paintStyle(span, style) {
  const { fg, bg, inverse } = style;
  for (const name of ["bold", "dim", "italic", "underline"]) if (style[name]) span.classList.add(name);
  if (inverse && fg === undefined && bg === undefined) span.classList.add("inverse");
  paintColour(span, "fg", inverse ? bg ?? (fg === undefined ? undefined : 0) : fg);
  paintColour(span, "bg", inverse ? fg ?? (bg === undefined ? undefined : 7) : bg);
  return span;
}

function paintColour(span, ground, colour) {
  if (colour === undefined) return;
  if (typeof colour === "number") span.classList.add(`${ground}-${colour}`);
  else span.style[ground === "fg" ? "color" : "backgroundColor"] = colour;
}
