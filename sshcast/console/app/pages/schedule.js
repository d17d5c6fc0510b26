// The schedule of a day: every time that was due, by hour and in a table, with what came of it and why.

import { ask } from "/console/ask.js";
import { fill, h, put, w } from "/console/dom.js";
import { select } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { countNothing, Hours } from "/console/parts/hours.js";
import { filter } from "/console/parts/labelled.js";
import { LiveRows, refreshOnEvents } from "/console/parts/live_rows.js";
import { kindOf, outcomeBadge, OUTCOMES } from "/console/parts/outcome.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { go, keepQuery } from "/console/router.js";
import { word } from "/playground/words.js";

const PAGE = 100;
const PAGES = 10; // of the day's slots are counted at most: a thousand
const SLOTS = `query ($first: Int!, $after: String, $filter: ScheduleSlotFilter!) {
  scheduleLedger(first: $first, after: $after, filter: $filter, orderBy: {field: SLOT, direction: DESC}) {
    nodes { id slot outcome reason decidedAt retryAt task { id name } execution { id state } fleetRun { id } } pageInfo { hasNextPage endCursor } } }`;
const TASK = `query ($id: ID!) { task(id: $id) { name } }`;

export async function open(place, { query, signal }) {
  const page = new Page({
    day: query.get("day") ?? formatDay(new Date()),
    task: query.get("task") ?? "",
    outcome: query.get("outcome") ?? "",
    hour: query.get("hour") ?? "",
  });
  put(place, page.element);
  await page.load();
  if (page.isToday && !signal.aborted) {
    refreshOnEvents({ kinds: ["SLOT_DECIDED", "SLOT_CHANGED", "EXECUTION_ENDED"], taskId: page.filters.task || null }, () => page.load(), signal);
  }
}

// "2026-11-30", of the browser's own time zone.
function formatDay(at) {
  return [at.getFullYear(), String(at.getMonth() + 1).padStart(2, "0"), String(at.getDate()).padStart(2, "0")].join("-");
}

// Midnight of the day, and of the day after: a day in which clocks change has 23 or 25 hours.
function boundsOf(day) {
  const [year, month, date] = day.split("-").map(Number);
  return [new Date(year, month - 1, date), new Date(year, month - 1, date + 1)];
}

function movedBy(day, days) {
  const [start] = boundsOf(day);
  return formatDay(new Date(start.getFullYear(), start.getMonth(), start.getDate() + days));
}

class Page {
  constructor(filters) {
    this.filters = filters;
    this.isToday = filters.day === formatDay(new Date());
    this.hours = new Hours((hour) => this.chooseHour(hour));
    this.counts = h("p", { class: "faint", role: "status" });
    this.task = h("p", { class: "bar", hidden: true });
    this.table = new Table(this.buildColumns(), { caption: "schedule", empty: "schedule_none" });
    this.rows = new LiveRows(this.table);
    this.shown = PAGE;
    this.more = actionButton("more", () => this.showMore(), { hidden: true });
    const legend = h("p", { class: "came-legend" }, ["ran", "waits", "skipped", "faulty"].map((kind) => h("span", { class: `state came ${kind}` }, w(`schedule_kind_${kind}`))));
    const picture = h("section", { class: "panel", "aria-label": word("schedule_by_hour") }, this.hours.element, legend, this.counts);
    this.element = h("div", { class: "stack" }, this.buildHead(), this.buildFilters(), this.task, picture, this.table.element, h("div", { class: "bar" }, this.more));
  }

  buildHead() {
    const today = formatDay(new Date());
    const link = (name, day) => h("a", { class: "button", href: this.addressOf(day) }, w(name));
    const day = h("input", { type: "date", value: this.filters.day, label: "schedule_day", onchange: () => day.value && go(this.addressOf(day.value)) });
    return h("div", { class: "head" }, h("h2", {}, w("schedule")), link("schedule_previous", movedBy(this.filters.day, -1)), day, link("schedule_next", movedBy(this.filters.day, 1)), !this.isToday && link("schedule_today", today));
  }

  addressOf(day) {
    const { task, outcome } = this.filters;
    return `/schedule?${new URLSearchParams(Object.entries({ day, task, outcome }).filter(([, value]) => value))}`;
  }

  buildFilters() {
    const options = [["", "all"], ...OUTCOMES.map((outcome) => [outcome, `outcome_${outcome}`])];
    const outcome = select(options, { onchange: () => this.change({ outcome: outcome.value }) });
    outcome.value = this.filters.outcome;
    return h("div", { class: "filters", role: "search" }, filter("schedule_outcome", outcome));
  }

  buildColumns() {
    return [
      { word: "schedule_slot", class: "short", cell: (slot) => time(slot.slot) },
      { word: "task", cell: (slot) => (slot.task ? h("a", { href: `/tasks/${slot.task.id}` }, slot.task.name) : "–") },
      { word: "schedule_outcome", cell: (slot) => outcomeBadge(slot.outcome) },
      { word: "reason", cell: (slot) => h("span", { class: "stack tight" }, slot.reason ?? "–", slot.retryAt && h("small", {}, w("schedule_retry"), " ", time(slot.retryAt))) },
      { word: "schedule_run", cell: showRun },
    ];
  }

  async change(filters) {
    Object.assign(this.filters, filters);
    this.shown = PAGE;
    keepQuery(this.filters);
    await this.load();
  }

  chooseHour(hour) {
    return this.change({ hour: hour === null ? "" : String(hour) });
  }

  // Reads the day's slots, a thousand at most, and shows those of the chosen hour.
  async load() {
    const [from, to] = boundsOf(this.filters.day);
    const { task, outcome } = this.filters;
    const filter = { slotFrom: from.toISOString(), slotTo: new Date(to - 1).toISOString(), taskId: task || null, outcomes: outcome ? [outcome] : null };
    const slots = [];
    let after = null;
    for (let page = 0; page < PAGES; page += 1) {
      const { scheduleLedger } = await ask(SLOTS, { first: PAGE, after, filter });
      slots.push(...scheduleLedger.nodes);
      after = scheduleLedger.pageInfo.endCursor;
      this.hasMore = scheduleLedger.pageInfo.hasNextPage;
      if (!this.hasMore) break;
    }
    this.slots = slots;
    this.show();
    await this.showTask();
  }

  show() {
    const counts = Array.from({ length: 24 }, countNothing);
    const all = countNothing();
    for (const slot of this.slots) {
      counts[new Date(slot.slot).getHours()][kindOf(slot.outcome)] += 1;
      all[kindOf(slot.outcome)] += 1;
    }
    const chosen = this.filters.hour === "" ? null : Number(this.filters.hour);
    const rows = this.slots.filter((slot) => chosen === null || new Date(slot.slot).getHours() === chosen);
    this.hours.show(counts, chosen);
    put(this.counts, fill(word(this.hasMore ? "schedule_counts_more" : "schedule_counts"), { count: this.slots.length, ...all }));
    this.rows.show(rows.slice(0, this.shown));
    this.more.hidden = rows.length <= this.shown;
  }

  showMore() {
    this.shown += PAGE;
    this.show();
  }

  async showTask() {
    const { task: id } = this.filters;
    this.task.hidden = !id;
    if (!id || this.task.childElementCount) return;
    const { task } = await ask(TASK, { id });
    put(this.task, w("schedule_of_task"), h("strong", {}, task?.name ?? id), h("a", { href: `/schedule?day=${this.filters.day}` }, w("schedule_all_tasks")));
  }
}

function showRun({ execution, fleetRun }) {
  if (fleetRun) return h("a", { href: `/fleet-runs/${fleetRun.id}` }, w("fleet_runs"));
  return execution ? h("a", { href: `/executions/${execution.id}` }, stateBadge(execution.state)) : "–";
}
