// One line of output as what a terminal would show of it: runs of text with a style. Colours, `\r`, `\b`, tabs and the
// erasing of a line are obeyed; every other control sequence is left out. Nothing here makes elements.

import { isPlain, splitCharacters } from "/console/log/widths.js";
import { COLOUR, OBEYED, restyle } from "/playground/terminal.js";

const CONTROL = /[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/;
const ERASE = /^(?:\x1b\[|\x9b)([012]?)K$/;
const TAB = 8;
export const PLAIN = Object.freeze({});

// `line.parts`: [{ stream, text }]; `line.begin`: the styles with which it begins, by stream.
// Returns { runs: [{ text, cells, style, stream, characters }], cells }; `characters` as of splitCharacters, or null if
// each has one cell.
export function readLine(line) {
  const parts = dropLineEnd(line.parts);
  if (parts.some(({ text }) => /[\r\b]/.test(text))) return joinRuns(overwrite(parts, line.begin));
  const runs = [];
  for (const { stream, text } of parts) {
    let style = line.begin[stream] ?? PLAIN;
    for (const [kept, match] of splitControls(text)) {
      if (kept) runs.push({ text: kept, style, stream });
      if (match) style = applyColour(style, match);
    }
  }
  return measureRuns(runs);
}

// A line that came with `\r\n` ends before both.
function dropLineEnd(parts) {
  const last = parts.at(-1);
  if (!last?.text.endsWith("\r")) return parts;
  return [...parts.slice(0, -1), { ...last, text: last.text.replace(/\r+$/, "") }];
}

// What is text, and the sequence behind it, in turn.
function* splitControls(text) {
  if (!CONTROL.test(text)) {
    yield [text, ""];
    return;
  }
  let from = 0;
  for (const match of text.matchAll(OBEYED)) {
    yield [text.slice(from, match.index), match[0]];
    from = match.index + match[0].length;
  }
  yield [text.slice(from), ""];
}

function applyColour(style, sequence) {
  const colour = COLOUR.exec(sequence);
  if (!colour) return style;
  const made = { ...style };
  restyle(made, colour[1].split(";").map(Number));
  return Object.keys(made).length ? made : PLAIN;
}

// The styles after a line, by stream; the same object if it changes none.
export function carryStyles(styles, parts) {
  let made = styles;
  for (const { stream, text } of parts) {
    if (!text.includes("\x1b[")) continue;
    let style = made[stream] ?? PLAIN;
    for (const [sequence] of text.matchAll(OBEYED)) style = applyColour(style, sequence);
    if (style !== (made[stream] ?? PLAIN)) made = { ...made, [stream]: style };
  }
  return made;
}

// The cells of a line whose cursor moves back: [{ text, cells, style, stream }], null behind a wide one.
function overwrite(parts, begin) {
  const row = [];
  let at = 0;
  const place = (text, cells, style, stream) => {
    if (row[at] === null && at > 0) row[at - 1] = { text: " ", cells: 1, style: PLAIN, stream };
    if (cells === 1 && row[at + 1] === null) row[at + 1] = { text: " ", cells: 1, style: PLAIN, stream };
    row[at] = { text, cells, style, stream };
    if (cells === 2) {
      if (row[at + 2] === null) row[at + 2] = { text: " ", cells: 1, style: PLAIN, stream };
      row[at + 1] = null;
    }
    at += cells;
  };
  for (const { stream, text } of parts) {
    let style = begin[stream] ?? PLAIN;
    for (const [kept, match] of splitControls(text)) {
      for (const [character, cells] of splitCharacters(kept)) {
        if (character === "\t") do place(row[at]?.text ?? " ", 1, row[at]?.style ?? style, stream);
        while (at % TAB);
        else if (cells) place(character, cells, style, stream);
        else if (row[at - 1]) row[at - 1] = { ...row[at - 1], text: row[at - 1].text + character };
      }
      if (match === "\r") at = 0;
      else if (match === "\b") at = Math.max(0, at - 1);
      else if (ERASE.test(match)) eraseCells(row, at, ERASE.exec(match)[1]);
      else if (match) style = applyColour(style, match);
    }
  }
  return row;
}

function eraseCells(row, at, which) {
  if (which === "2") row.fill(undefined);
  else if (which === "1") row.fill(undefined, 0, at + 1);
  else row.length = Math.min(row.length, at);
}

function joinRuns(row) {
  const runs = [];
  for (let at = 0; at < row.length; at++) {
    const cell = row[at];
    if (cell === null) continue;
    const { text, style, stream } = cell ?? { text: " ", style: PLAIN, stream: runs.at(-1)?.stream ?? "STDOUT" };
    const last = runs.at(-1);
    if (last && last.style === style && last.stream === stream) last.text += text;
    else runs.push({ text, style, stream });
  }
  return measureRuns(runs);
}

// Tabs become spaces up to the next stop, so that a cell is a cell wherever the line is broken.
function measureRuns(runs) {
  let cells = 0;
  for (const run of runs) {
    if (run.text.includes("\t")) run.text = expandTabs(run.text, cells);
    run.characters = isPlain(run.text) ? null : splitCharacters(run.text);
    run.cells = run.characters ? run.characters.reduce((sum, [, width]) => sum + width, 0) : run.text.length;
    cells += run.cells;
  }
  return { runs, cells };
}

function expandTabs(text, before) {
  let at = before;
  let made = "";
  for (const [character, cells] of splitCharacters(text)) {
    const width = character === "\t" ? TAB - (at % TAB) : cells;
    made += character === "\t" ? " ".repeat(width) : character;
    at += width;
  }
  return made;
}

// The line's runs cut into rows of at most `columns` cells.
export function wrapRuns({ runs, cells }, columns) {
  if (cells <= columns) return [runs];
  const rows = [[]];
  let left = columns;
  for (const run of runs) {
    let rest = run;
    while (rest) {
      const [head, tail] = cutRun(rest, left);
      if (head) {
        rows.at(-1).push(head);
        left -= head.cells;
      }
      rest = tail;
      if (rest) {
        rows.push([]);
        left = columns;
      }
    }
  }
  return rows;
}

function cutRun(run, cells) {
  if (run.cells <= cells) return [run, null];
  if (!run.characters) {
    if (!cells) return [null, run];
    const text = run.text.slice(0, cells);
    return [{ ...run, text, cells }, { ...run, text: run.text.slice(cells), cells: run.cells - cells }];
  }
  let taken = 0;
  let width = 0;
  while (taken < run.characters.length && width + run.characters[taken][1] <= cells) width += run.characters[taken++][1];
  const make = (characters, size) => ({ ...run, characters, cells: size, text: characters.map(([text]) => text).join("") });
  if (!taken && cells >= 2) taken = 1;
  return [taken ? make(run.characters.slice(0, taken), width) : null, make(run.characters.slice(taken), run.cells - width)];
}

// What is copied of a line: its text as it is shown.
export const toText = (line) => readLine(line).runs.map((run) => run.text).join("");
