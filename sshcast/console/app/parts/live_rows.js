// Keeps the rows of a table as the service has them: only rows that changed are built anew, and the focus stays where it is.

import { watch } from "/console/ask.js";

// A table and what its rows were, so that showing the same rows again touches nothing.
export class LiveRows {
  constructor(table) {
    this.table = table;
    this.texts = new Map();
  }

  // Shows these rows, in this order.
  show(rows) {
    const isSame = rows.length > 0 && rows.length === this.texts.size && rows.every((row, index) => [...this.texts.keys()][index] === row.id);
    if (!isSame) this.table.show(rows);
    else for (const row of rows) if (this.texts.get(row.id) !== JSON.stringify(row)) this.replace(row);
    this.texts = new Map(rows.map((row) => [row.id, JSON.stringify(row)]));
  }

  append(rows) {
    this.table.append(rows);
    for (const row of rows) this.texts.set(row.id, JSON.stringify(row));
  }

  replace(row) {
    const old = this.table.rows.get(row.id);
    const kept = old.contains(document.activeElement) ? [...old.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
    this.table.update(row);
    if (kept >= 0) this.table.rows.get(row.id).querySelectorAll("a, button")[kept]?.focus();
  }

  get size() {
    return this.texts.size;
  }
}

// Calls `refresh` after events of these kinds, at most every two seconds, until `signal` aborts.
export function refreshOnEvents(filter, refresh, signal) {
  let timer = null;
  const later = () => {
    timer ??= setTimeout(async () => {
      timer = null;
      if (!signal.aborted) await refresh().catch(() => {}); // the next event tries again
    }, 2000);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  watch("subscription ($filter: EventFilter, $after: String) { events(filter: $filter, after: $after) { cursor } }", { filter }, { signal, onEvent: later });
}
