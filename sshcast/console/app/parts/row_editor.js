// A list of rows in a form, each with the same controls: rows can be added and removed.

import { h, w } from "/console/dom.js";
import { fillControl, readControl } from "/console/parts/form.js";
import { WORDS } from "/console/words/fields.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

let rowsMade = 0;

// `columns`: [{ key, word, make(row), when(values), wide }]; `when` says whether the column is for a row with these values.
// Returns { element, read }: `read()` gives one object of values for each row.
export class RowEditor {
  constructor({ name, legend, add, about = null, columns, rows = [] }) {
    this.columns = columns;
    this.rows = [];
    this.list = h("div", { class: "stack" });
    this.adder = h("button", { type: "button", onclick: () => this.add({}).controls.values().next().value.focus() }, w(add));
    this.element = h(
      "fieldset",
      { class: "field rows-editor", data: { field: name } },
      h("legend", {}, w(legend)),
      about && h("small", {}, about),
      this.list,
      h("span", { class: "error", role: "alert" }),
      h("div", {}, this.adder),
    );
    rows.forEach((row) => this.add(row));
  }

  add(values) {
    const controls = new Map(this.columns.map((column) => [column.key, fillControl(column.make(values), values[column.key])]));
    const cells = new Map(this.columns.map((column) => [column.key, this.buildCell(column, controls.get(column.key))]));
    const row = { controls, cells, source: values };
    const remove = h("button", { type: "button", class: "quiet", label: "rows_remove", onclick: () => this.remove(row) }, "×");
    row.element = h("div", { class: "row", onchange: () => this.showCells(row) }, [...cells.values()], remove);
    this.rows.push(row);
    this.list.append(row.element);
    this.showCells(row);
    return row;
  }

  buildCell(column, control) {
    control.id = `row-${(rowsMade += 1)}`;
    return h("div", { class: column.wide ? "cell wide" : "cell" }, h("label", { for: control.id }, w(column.word)), control);
  }

  showCells(row) {
    const values = this.readRow(row);
    for (const column of this.columns) row.cells.get(column.key).hidden = column.when ? !column.when(values) : false;
  }

  remove(row) {
    this.rows = this.rows.filter((each) => each !== row);
    row.element.remove();
    this.adder.focus();
    this.adder.dispatchEvent(new Event("change", { bubbles: true }));
  }

  readRow(row) {
    return { ...Object.fromEntries([...row.controls].map(([key, control]) => [key, readControl(control)])), source: row.source };
  }

  read() {
    return this.rows.map((row) => this.readRow(row));
  }
}
