// Which rows are on the screen. Only those, and some beside them, are elements. Short logs scroll as any page does; of long or
// wrapped ones the scroll bar is a scale: small moves go by the heights of the rows, large ones to a share of the whole.

import { layLine, paintGap, paintLine, paintWaiting } from "/console/log/painter.js";

export const ROW = 18;
const MARGIN = 12;
// Browsers make no element higher than some 17 to 33 million pixels.
const HIGHEST = 6_000_000;

export class Viewport {
  // `scroller` holds `spacer`, which holds `layer`. `onMove` is told after each painting.
  constructor({ scroller, spacer, layer, store, onMove }) {
    Object.assign(this, { scroller, spacer, layer, store, onMove });
    this.anchor = { row: 0, off: 0 };
    this.following = true;
    this.columns = null; // null: lines are not wrapped
    this.marked = null; // { from, to }: numbers of lines
    this.current = null; // the number of the line with the match
    this.painted = new Map();
    this.heights = new WeakMap();
    this.extra = new Map();
    this.extraRows = 0;
    this.generation = 0;
    this.last = 0;
    this.seen = 0; // the height of the view when it was painted
    this.frame = 0;
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paintNow() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.paint();
  }

  // Everything is painted anew: the columns, or what is marked, have changed.
  refresh() {
    this.generation += 1;
    this.schedule();
  }

  setColumns(columns) {
    if (columns === this.columns) return;
    const number = this.following ? null : this.top();
    this.columns = columns;
    this.heights = new WeakMap();
    this.extra.clear();
    this.extraRows = 0;
    if (number !== null) this.show(number, 0);
    this.refresh();
  }

  forget() {
    this.painted.clear();
    this.layer.replaceChildren();
    this.extra.clear();
    this.extraRows = 0;
    this.schedule();
  }

  get full() {
    return Math.min((this.store.rowCount + this.extraRows) * ROW, HIGHEST);
  }

  get isExact() {
    return this.columns === null && this.store.rowCount * ROW <= HIGHEST;
  }

  get height() {
    return this.scroller.clientHeight;
  }

  // The number of the line at the top; that behind a gap if the gap is there.
  top() {
    return this.store.numberOf(this.anchor.row) ?? this.store.numberOf(this.anchor.row + 1) ?? 1;
  }

  heightOf(row) {
    if (this.columns === null) return ROW;
    const line = this.store.find(row);
    if (!line) return ROW;
    let known = this.heights.get(line);
    if (known?.version !== line.version) {
      known = { version: line.version, rows: layLine(line, this.columns).length };
      this.heights.set(line, known);
    }
    const more = known.rows - 1;
    if (more !== (this.extra.get(row) ?? 0)) {
      this.extraRows += more - (this.extra.get(row) ?? 0);
      this.extra.set(row, more);
    }
    return known.rows * ROW;
  }

  // Where the screen begins when it shows the end.
  findEnd() {
    let left = this.height;
    for (let row = this.store.rowCount - 1; row >= 0; row--) {
      const high = this.heightOf(row);
      if (high >= left) return { row, off: high - left };
      left -= high;
    }
    return { row: 0, off: 0 };
  }

  move(pixels) {
    let { row, off } = this.anchor;
    off += pixels;
    while (off < 0 && row > 0) off += this.heightOf(--row);
    while (row < this.store.rowCount - 1 && off >= this.heightOf(row)) off -= this.heightOf(row++);
    this.anchor = { row, off: Math.max(0, off) };
  }

  scrolled() {
    const top = this.scroller.scrollTop;
    const moved = top - this.last;
    this.last = top;
    // Where the view has become higher, it is the browser that moved it, up to the end: nobody let go.
    const isKept = this.following && this.height !== this.seen && top >= this.scroller.scrollHeight - this.height - 1;
    if (moved && !isKept) this.follows(moved, top);
    this.schedule();
  }

  follows(moved, top) {
    const most = this.scroller.scrollHeight - this.height;
    if (this.isExact) this.anchor = { row: Math.floor(top / ROW), off: top % ROW };
    else if (top <= 0 && Math.abs(moved) > this.height) this.anchor = { row: 0, off: 0 };
    else if (top >= most - 1 && Math.abs(moved) > this.height) this.anchor = this.findEnd();
    else if (Math.abs(moved) <= 2 * this.height) this.move(moved);
    else this.anchor = { row: Math.floor((top / Math.max(1, most)) * (this.store.rowCount - 1)), off: 0 };
    this.following = moved > 0 && this.isAtEnd();
  }

  isAtEnd() {
    const end = this.findEnd();
    const { row, off } = this.anchor;
    return row > end.row || (row === end.row && off >= end.off - 2);
  }

  // Shows a line, so many pixels below the top.
  show(number, below = Math.floor(this.height / 3)) {
    this.following = false;
    this.anchor = { row: this.store.rowOf(number), off: 0 };
    this.move(this.columns === null ? -below : 0);
    this.spacer.style.height = `${Math.max(this.full, this.height)}px`;
    if (this.isExact) this.setTop(this.anchor.row * ROW + this.anchor.off);
    this.schedule();
  }

  showEnd() {
    this.following = true;
    this.schedule();
  }

  setTop(top) {
    this.scroller.scrollTop = top;
    this.last = this.scroller.scrollTop;
  }

  paint() {
    const count = this.store.rowCount;
    this.seen = this.height;
    if (!this.seen) return;
    const end = this.findEnd();
    if (this.following || this.anchor.row > end.row || (this.anchor.row === end.row && this.anchor.off > end.off)) this.anchor = end;
    const { above, rows } = this.collect(count);
    this.spacer.style.height = `${Math.max(this.full, this.height)}px`;
    this.placeBar(end);
    this.store.want(rows);
    this.fill(rows);
    this.layer.style.transform = `translateY(${this.last - this.anchor.off - above}px)`;
    this.onMove(this.isAtEnd());
  }

  // The scroll bar stands where the screen is: at an edge only if the screen is at that end.
  placeBar(end) {
    const most = Math.max(0, this.full - this.height);
    const { row, off } = this.anchor;
    const isLast = row === end.row && off >= end.off;
    if (this.isExact) {
      const top = isLast ? most : row * ROW + off;
      if (Math.abs(top - this.last) > 0.5 && (this.following || isLast)) this.setTop(top);
      return;
    }
    const share = Math.round((row / Math.max(1, end.row)) * most);
    const isNear = Math.abs(share - this.last) < 4 * this.height;
    if (row === 0 && off === 0) this.setTop(0);
    else if (isLast) this.setTop(most);
    else if (!isNear || this.last <= 0 || this.last >= most) this.setTop(Math.max(1, Math.min(share, most - 1)));
  }

  collect(count) {
    const rows = [];
    let above = 0;
    for (let row = Math.max(0, this.anchor.row - MARGIN); row < this.anchor.row; row++) {
      rows.push(row);
      above += this.heightOf(row);
    }
    let left = this.height + this.anchor.off + MARGIN * ROW;
    for (let row = this.anchor.row; row < count && left > 0; row++) {
      rows.push(row);
      left -= this.heightOf(row);
    }
    return { above, rows };
  }

  fill(rows) {
    const kept = new Map();
    let next = this.layer.firstChild;
    for (const row of rows) {
      const line = this.store.find(row);
      const known = this.painted.get(row);
      const isSame = known && known.line === line && known.version === line?.version && known.generation === this.generation;
      const shown = isSame ? known : { line, version: line?.version, generation: this.generation, element: this.make(row, line) };
      kept.set(row, shown);
      if (known && !isSame) {
        if (next === known.element) next = next.nextSibling;
        known.element.remove();
      }
      while (next && next !== shown.element && !this.isWanted(next, rows)) {
        const gone = next;
        next = next.nextSibling;
        gone.remove();
      }
      if (next === shown.element) next = next.nextSibling;
      else this.layer.insertBefore(shown.element, next);
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    this.painted = kept;
  }

  isWanted(element, rows) {
    const row = Number(element.dataset.row);
    return row >= rows[0] && row <= rows.at(-1);
  }

  make(row, line) {
    const number = this.store.numberOf(row);
    const element = this.store.isGap(row) ? paintGap(this.store.gap) : line ? paintLine(line, number, this.columns) : paintWaiting(number);
    element.dataset.row = row;
    if (this.marked && number >= this.marked.from && number <= this.marked.to) element.classList.add("marked");
    if (number !== null && number === this.current) element.classList.add("current");
    return element;
  }
}
