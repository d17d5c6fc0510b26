// Makes lines of pieces of output as they come. A line is what lies between two line feeds of both streams together.

import { carryStyles } from "/console/log/line.js";

// Characters that are kept of a line; it says how many more it has. Of a progress bar its last state is kept.
export const LONGEST_LINE = 16_384;

export class LineBuilder {
  constructor({ longest = LONGEST_LINE } = {}) {
    this.longest = longest;
    this.lines = [];
    this.open = null;
    this.styles = {};
    this.characters = 0;
  }

  // A piece: { stream, text, at }.
  add({ stream, text, at }) {
    let from = 0;
    for (;;) {
      const end = text.indexOf("\n", from);
      const piece = end < 0 ? text.slice(from) : text.slice(from, end);
      if (piece || end >= 0) this.extend(stream, piece, at);
      if (end < 0) return;
      this.close();
      from = end + 1;
    }
  }

  extend(stream, text, at) {
    if (!this.open) {
      this.open = { at, parts: [], size: 0, cut: 0, version: 0, begin: this.styles };
      this.lines.push(this.open);
    }
    const line = this.open;
    const last = line.parts.at(-1);
    if (last?.stream === stream) last.text += text;
    else if (text || !last) line.parts.push({ stream, text });
    line.size += text.length;
    line.version += 1;
    this.characters += text.length;
    if (line.size > this.longest) this.shorten(line);
  }

  close() {
    if (this.open) this.styles = carryStyles(this.styles, this.open.parts);
    this.open = null;
  }

  shorten(line) {
    const before = line.size;
    for (const part of line.parts) {
      const back = part.text.lastIndexOf("\r", part.text.length - 2);
      if (back > 0) part.text = part.text.slice(back);
    }
    line.size = line.parts.reduce((sum, part) => sum + part.text.length, 0);
    let room = this.longest;
    for (const part of line.parts) {
      line.cut += Math.max(0, part.text.length - room);
      part.text = part.text.slice(0, room);
      room -= part.text.length;
    }
    line.size = Math.min(line.size, this.longest);
    this.characters -= before - line.size;
  }

  // Lets go of the oldest lines. Returns how many.
  drop(count) {
    const gone = this.lines.splice(0, count);
    for (const line of gone) this.characters -= line.size;
    return gone.length;
  }
}
