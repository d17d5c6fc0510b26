// The schedule of a day: every time that was due, by hour and in a table, with what came of it and why.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { refreshOnEvents } from "/console/parts/follow.js";
import { select } from "/console/parts/form.js";
import { filter } from "/console/parts/labelled.js";
import { List } from "/console/parts/list.js";
import { Picker } from "/console/parts/pick.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { go, keepQuery } from "/console/router.js";
import { buildFilter, countDay, formatDay, moveDay } from "/console/tasks/day.js";
import { describeCount, Hours, KINDS as OUTCOME_KINDS, sumUp } from "/console/tasks/hours.js";
import { outcomeBadge, OUTCOMES } from "/console/tasks/outcome.js";
import { word } from "/playground/words.js";

const SLOTS = `query ($first: Int!, $after: String, $filter: ScheduleSlotFilter!) {
  scheduleLedger(first: $first, after: $after, filter: $filter, orderBy: {field: SLOT, direction: DESC}) {
    nodes { id slot outcome reason decidedAt retryAt task { id name } execution { id state } fleetRun { id } } pageInfo { hasNextPage endCursor } } }`;
const KINDS = ["SLOT_DECIDED", "SLOT_CHANGED", "EXECUTION_ENDED"];
const COLUMNS = [
  { word: "schedule_slot", class: "short", cell: (slot) => time(slot.slot) },
  { word: "task", cell: (slot) => (slot.task ? h("a", { href: `/tasks/${slot.task.id}` }, slot.task.name) : "–") },
  { word: "schedule_outcome", cell: (slot) => outcomeBadge(slot.outcome) },
  { word: "reason", cell: (slot) => h("span", { class: "stack tight" }, slot.reason ?? "–", slot.retryAt && h("small", {}, w("schedule_retry"), " ", time(slot.retryAt))) },
  { word: "schedule_run", cell: showRun },
];

export async function open(place, { query, signal }) {
  const page = new Page({
    day: query.get("day") ?? formatDay(new Date()),
    task: query.get("task") ?? "",
    outcome: query.get("outcome") ?? "",
    hour: query.get("hour") ?? "",
  });
  put(place, page.element);
  await page.load();
  if (page.isToday && !signal.aborted) refreshOnEvents({ kinds: KINDS }, () => page.refresh(), signal);
}

class Page {
  constructor(filters) {
    this.filters = filters;
    this.isToday = filters.day === formatDay(new Date());
    this.hours = new Hours((hour) => this.change({ hour: hour === null ? "" : String(hour) }));
    this.counts = h("p", { class: "faint", role: "status" });
    this.list = new List(new Table(COLUMNS, { caption: "schedule", empty: "schedule_none" }), (first, after) => this.read(first, after));
    const legend = h("p", { class: "came-legend" }, OUTCOME_KINDS.map((kind) => h("span", { class: `state came ${kind}` }, w(`schedule_kind_${kind}`))));
    const picture = h("section", { class: "panel", "aria-label": word("schedule_by_hour") }, this.hours.element, legend, this.counts, h("p", { class: "faint" }, w("schedule_hours_about")));
    this.head = h("div", { class: "head" });
    this.buildHead();
    this.element = h("div", { class: "stack" }, this.head, this.buildFilters(), picture, this.list.element);
  }

  // The hour is a part of what is asked, so that each hour's slots can be reached, however many the day has.
  get shown() {
    const { day, hour, task, outcome } = this.filters;
    return { day, hour: hour === "" ? null : Number(hour), task, outcomes: outcome ? [outcome] : null };
  }

  buildHead() {
    const today = formatDay(new Date());
    const link = (name, day) => h("a", { class: "button", href: this.addressOf(day) }, w(name));
    const day = h("input", { type: "date", value: this.filters.day, label: "schedule_day", onchange: () => day.value && go(this.addressOf(day.value)) });
    put(this.head, h("h2", {}, w("schedule")), link("schedule_previous", moveDay(this.filters.day, -1)), day, link("schedule_next", moveDay(this.filters.day, 1)), !this.isToday && link("schedule_today", today));
  }

  addressOf(day) {
    const { task, outcome } = this.filters;
    return `/schedule?${new URLSearchParams(Object.entries({ day, task, outcome }).filter(([, value]) => value))}`;
  }

  buildFilters() {
    const picker = new Picker("task", { id: this.filters.task || null, onPick: (id) => this.change({ task: id ?? "" }), attributes: { placeholder: "all" } });
    const options = [["", "all"], ...OUTCOMES.map((outcome) => [outcome, `outcome_${outcome}`])];
    const outcome = select(options, { onchange: () => this.change({ outcome: outcome.value }) });
    outcome.value = this.filters.outcome;
    return h("div", { class: "filters", role: "search" }, filter("task", picker.element), picker.list, filter("schedule_outcome", outcome));
  }

  async change(filters) {
    Object.assign(this.filters, filters);
    keepQuery(this.filters);
    this.buildHead();
    if (this.counted && Object.keys(filters).join() === "hour") {
      this.showCounts(this.counted, this.shown);
      await this.list.load();
    } else await this.load();
  }

  async load() {
    const { shown } = this;
    await Promise.all([this.list.load(), countDay(shown).then((counts) => this.showCounts(counts, shown))]);
  }

  async refresh() {
    const { shown } = this;
    await Promise.all([this.list.refresh(), countDay(shown, this.counted).then((counts) => this.showCounts(counts, shown))]);
  }

  async read(first, after) {
    const { scheduleLedger } = await ask(SLOTS, { first, after, filter: buildFilter(this.shown) });
    return scheduleLedger;
  }

  // What was asked before the last change of a filter is dropped.
  showCounts(counts, shown) {
    if (JSON.stringify(shown) !== JSON.stringify(this.shown)) return;
    this.counted = counts;
    this.hours.show(counts, shown.hour);
    const all = sumUp(shown.hour === null ? counts : [counts[shown.hour]]);
    put(this.counts, describeCount("schedule_counts", all));
  }
}

function showRun({ execution, fleetRun }) {
  if (fleetRun) return h("a", { href: `/fleet-runs/${fleetRun.id}` }, w("fleet_runs"));
  return execution ? h("a", { href: `/executions/${execution.id}` }, stateBadge(execution.state)) : "–";
}
