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
    this.texts = new Map(); // what each row was built of
  }

  get size() {
    return this.rows.size;
  }

  // Shows these rows, in this order, each built anew.
  show(rows) {
    this.rows = new Map(rows.map((row) => [row.id, this.build(row)]));
    put(this.body, [...this.rows.values()]);
    this.texts = new Map(rows.map((row) => [row.id, JSON.stringify(row)]));
    this.empty.hidden = rows.length > 0;
  }

  // Shows these rows as `show` does, but where the rows are those that stand here, only what changed in them is built anew;
  // the keyboard's focus stays on the same link or button.
  refresh(rows) {
    const ids = [...this.rows.keys()];
    if (rows.length > 0 && rows.length === ids.length && rows.every(({ id }, index) => id === ids[index])) {
      for (const row of rows) this.update(row);
      return;
    }
    const restore = keepFocus(this.body);
    this.show(rows);
    restore();
  }

  // Shows more rows below.
  append(rows) {
    for (const row of rows) {
      const line = this.build(row);
      this.rows.set(row.id, line);
      this.texts.set(row.id, JSON.stringify(row));
      this.body.append(line);
    }
    this.empty.hidden = this.rows.size > 0;
  }

  // Shows a row that changed where it stands, or a new one at the top.
  update(row) {
    const text = JSON.stringify(row);
    if (this.texts.get(row.id) === text) return;
    const line = this.build(row);
    const old = this.rows.get(row.id);
    const restore = keepFocus(this.body);
    if (old) old.replaceWith(line);
    else this.body.prepend(line);
    this.rows.set(row.id, line);
    this.texts.set(row.id, text);
    this.empty.hidden = true;
    restore();
  }

  remove(id) {
    this.rows.get(id)?.remove();
    this.rows.delete(id);
    this.texts.delete(id);
    this.empty.hidden = this.rows.size > 0;
  }

  build(row) {
    const cells = this.columns.map((column) => h("td", { class: column.class, "data-label": word(column.word) }, column.cell(row)));
    return h("tr", { data: { id: row.id } }, cells);
  }
}

// Returns a function that gives the focus back to the same link or button of the same row, once that row was built anew.
function keepFocus(body) {
  const focused = document.activeElement;
  const id = body.contains(focused) ? focused.closest("tr").dataset.id : null;
  const listOf = (line) => [...(line?.querySelectorAll("a, button, summary, input") ?? [])];
  const index = id === null ? -1 : listOf(focused.closest("tr")).indexOf(focused);
  return () => {
    if (index < 0 || document.activeElement === focused) return;
    listOf(body.querySelector(`tr[data-id="${CSS.escape(id)}"]`))[index]?.focus({ preventScroll: true });
  };
}
