// The list of executions: filters that the address keeps, pages by cursor, live.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { buildLive, follow, pace, takeCursor } from "/console/parts/follow.js";
import { Pager } from "/console/parts/pager.js";
import { Table } from "/console/parts/table.js";
import { keepQuery, mayUse } from "/console/router.js";
import { openRunDialog } from "/console/runs/dialog.js";
import { buildFilter, buildFilters, readFilters } from "/console/runs/filters.js";
import { COLUMNS, keepElapsed, ROW } from "/console/runs/rows.js";

const PAGE = 50;
const PACE_MS = 1000;
// Whoever has scrolled down reads: rows that come then wait for a press of the button.
const READING_PX = 120;
const LIST = `query ($first: Int!, $after: String, $filter: TaskExecutionFilter) {
  executions(first: $first, after: $after, filter: $filter) { nodes { ...Row } pageInfo { hasNextPage endCursor } } } ${ROW}`;
const EVENTS = `subscription ($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) {
  cursor ... on ExecutionEvent { executionId execution { ...Row } } } } ${ROW}`;
const KINDS = ["EXECUTION_CREATED", "EXECUTION_STARTED", "EXECUTION_CANCEL_REQUESTED", "EXECUTION_ENDED"];

export async function open(place, { query, signal }) {
  const after = await takeCursor();
  const list = new ExecutionList(readFilters(query), query.get("after"));
  const run = mayUse("OPERATOR") && h("button", { type: "button", class: "primary", onclick: () => openRunDialog() }, w("run_command"));
  const filters = buildFilters(list.filters, (chosen) => list.filter(chosen));
  await list.start();
  const { element: live, show } = buildLive();
  const bar = h("div", { class: "bar" }, live, list.button, h("span", { class: "gap" }), list.pager.element);
  put(place, h("div", { class: "head" }, h("h2", {}, w("executions")), run), filters, bar, list.problem, list.table.element, list.hint);
  const refresh = pace(() => list.refresh(), PACE_MS, signal);
  const take = ({ execution }) => {
    if (execution && list.table.rows.has(execution.id)) list.table.update(execution);
    if (list.pager.isFirst) refresh();
  };
  follow(EVENTS, { filter: { kinds: KINDS } }, { after, signal, onEvent: take, onGap: refresh, onState: show });
  keepElapsed(place, signal);
}

class ExecutionList {
  constructor(filters, after) {
    this.filters = filters;
    this.table = new Table(COLUMNS, { caption: "executions", empty: "runs_none" });
    this.pager = new Pager((cursor) => this.load(cursor), after);
    this.problem = h("p", { class: "error", role: "alert" });
    this.hint = h("p", { class: "faint", hidden: true }, w("runs_looked"));
    this.button = h("button", { type: "button", class: "fresh", hidden: true, onclick: () => this.showFresh() });
    this.fresh = [];
    this.loads = 0;
  }

  async start() {
    this.pager.show(await this.load(this.pager.after));
  }

  ask(after) {
    return ask(LIST, { first: PAGE, after, filter: buildFilter(this.filters) }).then(({ executions }) => executions);
  }

  // Shows the page after this cursor. What a later call has asked for is what stays.
  async load(after) {
    const mine = ++this.loads;
    put(this.problem);
    keepQuery({ ...this.filters, after: after ?? "" });
    try {
      const { nodes, pageInfo } = await this.ask(after);
      if (mine !== this.loads) return this.pager.info;
      this.show(nodes);
      this.hint.hidden = !(this.filters.text && pageInfo.hasNextPage && nodes.length < PAGE);
      return pageInfo;
    } catch (error) {
      put(this.problem, error.message);
      return { hasNextPage: false, endCursor: null };
    }
  }

  show(nodes) {
    this.table.show(nodes);
    this.top = nodes;
    this.fresh = [];
    this.button.hidden = true;
  }

  filter(filters) {
    this.filters = filters;
    return this.pager.goFirst();
  }

  // The first page anew. New rows come in at the top for whoever is there; others are offered a button.
  async refresh() {
    const mine = this.loads;
    const { nodes, pageInfo } = await this.ask(null);
    if (mine !== this.loads || !this.pager.isFirst) return;
    const isReading = scrollY > READING_PX || this.table.element.contains(document.activeElement);
    const known = new Set(this.table.rows.keys());
    for (const row of nodes) if (known.has(row.id)) this.table.update(row);
    this.fresh = nodes.filter(({ id }) => !known.has(id));
    if (isReading && this.fresh.length) {
      this.offer(nodes, this.fresh.length, pageInfo);
      return;
    }
    if (this.fresh.length || nodes.length !== known.size) {
      this.show(nodes);
      this.pager.show(pageInfo);
    }
  }

  offer(nodes, count, pageInfo) {
    this.waiting = { nodes, pageInfo };
    put(this.button, w("runs_new", { count: count === PAGE ? `${PAGE}+` : count }));
    this.button.hidden = false;
  }

  showFresh() {
    this.show(this.waiting.nodes);
    this.pager.show(this.waiting.pageInfo);
    scrollTo({ top: 0 });
    this.table.element.querySelector("tbody a")?.focus({ preventScroll: true });
  }
}
