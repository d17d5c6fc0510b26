// A table of rows with columns: on a narrow screen each row becomes a card whose cells name their column.

import { h, put, w } from "/console/dom.js";
import { word } from "/playground/words.js";

// `columns`: [{ word, cell(row), class }]. `row.id` keys the rows. The caption is read out, not shown.
export class Table {
  constructor(columns, { caption, empty = "nothing_here" }) {
    this.columns = columns;
    this.empty = h("p", { class: "empty", hidden: true }, w(empty));
    this.body = h("tbody");
    const heads = columns.map((column) => h("th", { scope: "col", class: column.class }, w(column.word)));
    const table = h("table", { class: "rows" }, h("caption", { class: "unseen" }, w(caption)), h("thead", {}, h("tr", {}, heads)), this.body);
    this.element = h("div", { class: "table" }, table, this.empty);
    this.rows = new Map();
  }

  // Shows these rows, in this order.
  show(rows) {
    this.rows = new Map(rows.map((row) => [row.id, this.build(row)]));
    put(this.body, [...this.rows.values()]);
    this.empty.hidden = rows.length > 0;
  }

  // Shows more rows below.
  append(rows) {
    for (const row of rows) {
      const line = this.build(row);
      this.rows.set(row.id, line);
      this.body.append(line);
    }
    this.empty.hidden = this.rows.size > 0;
  }

  // Shows a row that changed where it stands, or a new one at the top.
  update(row) {
    const line = this.build(row);
    const old = this.rows.get(row.id);
    if (old) old.replaceWith(line);
    else this.body.prepend(line);
    this.rows.set(row.id, line);
    this.empty.hidden = true;
  }

  remove(id) {
    this.rows.get(id)?.remove();
    this.rows.delete(id);
    this.empty.hidden = this.rows.size > 0;
  }

  build(row) {
    const cells = this.columns.map((column) => h("td", { class: column.class, "data-label": word(column.word) }, column.cell(row)));
    return h("tr", { data: { id: row.id } }, cells);
  }
}
