// Buttons that turn the pages of a list: older by the cursor of the last row, newer by the way back.

import { h, w } from "/console/dom.js";

// `open(after)` shows the page after a cursor (null: the newest) and resolves to its `pageInfo`.
export class Pager {
  constructor(open, after = null) {
    this.open = open;
    this.after = after;
    this.way = after === null ? [] : [null];
    this.newer = h("button", { type: "button", onclick: () => this.turn(this.way.pop() ?? null) }, w("newer"));
    this.older = h("button", { type: "button", onclick: () => this.goOlder() }, w("older"));
    this.element = h("nav", { class: "pager", label: "pager_about" }, this.newer, this.older);
  }

  get isFirst() {
    return this.after === null;
  }

  goOlder() {
    this.way.push(this.after);
    return this.turn(this.info.endCursor);
  }

  goFirst() {
    this.way = [];
    return this.turn(null);
  }

  async turn(after) {
    this.after = after;
    this.newer.disabled = this.older.disabled = true;
    this.show(await this.open(after));
  }

  show(info) {
    this.info = info;
    this.newer.disabled = this.isFirst;
    this.older.disabled = !info.hasNextPage;
    this.element.hidden = this.isFirst && !info.hasNextPage;
  }
}
