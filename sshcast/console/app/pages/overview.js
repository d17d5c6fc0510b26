// The overview: what runs now, what is due next, what failed lately, and how the last day and week went.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { buildLive, follow, pace, repeat, takeCursor } from "/console/parts/follow.js";
import { openRunDialog } from "/console/runs/dialog.js";
import { command, duration, keepElapsed, link, ROW, state } from "/console/runs/rows.js";
import { formatDistance, time } from "/console/parts/times.js";
import { Trend } from "/console/runs/trend.js";
import { mayUse } from "/console/router.js";
import { addWords } from "/playground/words.js";
import { WORDS } from "/console/words/overview.js";

addWords(WORDS);

const PACE_MS = 2000;
const SLOW_MS = 60_000;
const NOW = `query { running: executions(first: 8, filter: {states: [RUNNING]}) { totalCount nodes { ...Row } }
  pending: executions(first: 8, filter: {states: [PENDING]}) { totalCount nodes { ...Row } }
  failed: executions(first: 8, filter: {states: [FAILED, TIMEOUT]}) { nodes { ...Row } }
  fleets: fleetRuns(first: 1, filter: {states: [RUNNING]}) { totalCount }
  servers(first: 1) { totalCount } all: tasks(first: 1, filter: {enabled: true}) { totalCount } } ${ROW}`;
const DUE = `query { tasks(first: 20, orderBy: {field: NEXT_RUN}, filter: {enabled: true, scheduleMode: ACTIVE}) { nodes { id name nextRun pausedAt server { id name } } } }`;
const EVENTS = `subscription ($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) { cursor kind } }`;
const KINDS = ["EXECUTION_CREATED", "EXECUTION_STARTED", "EXECUTION_ENDED", "SLOT_DECIDED", "TASK_CREATED", "TASK_UPDATED", "TASK_PAUSED", "TASK_RESUMED", "TASK_DELETED", "FLEET_RUN_CREATED", "FLEET_RUN_ENDED"];

export async function open(place, { signal }) {
  const after = await takeCursor();
  const counts = h("ul", { class: "counts" });
  const lists = { now: buildList("overview_now"), due: buildList("overview_due"), failed: buildList("overview_failed") };
  const trend = new Trend();
  const { element: live, show } = buildLive();
  const run = mayUse("OPERATOR") && h("button", { type: "button", class: "primary", onclick: () => openRunDialog() }, w("run_command"));
  const load = () => showNow(counts, lists);
  await Promise.all([load(), trend.load()]);
  const panels = h("div", { class: "panels" }, Object.values(lists).map(({ panel }) => panel));
  put(place, h("div", { class: "head" }, h("h2", {}, w("overview")), live, run), counts, panels, trend.element);
  const refresh = pace(load, PACE_MS, signal);
  const redraw = pace(() => trend.load(), SLOW_MS, signal);
  const take = ({ kind }) => {
    refresh();
    if (kind === "EXECUTION_ENDED") redraw();
  };
  follow(EVENTS, { filter: { kinds: KINDS } }, { after, signal, onEvent: take, onGap: refresh, onState: show });
  repeat(refresh, SLOW_MS, signal);
  keepElapsed(place, signal);
}

function buildList(title) {
  const list = h("ul", { class: "brief" });
  return { list, panel: h("section", { class: "panel" }, h("h3", {}, w(title)), list) };
}

async function showNow(counts, { now, due, failed }) {
  const [found, { tasks }] = await Promise.all([ask(NOW), ask(DUE)]);
  const next = tasks.nodes.filter(({ nextRun, pausedAt }) => nextRun && !pausedAt).slice(0, 8);
  put(
    counts,
    count("overview_running", found.running.totalCount, "/executions?state=RUNNING"),
    count("overview_pending", found.pending.totalCount, "/executions?state=PENDING"),
    count("overview_fleets", found.fleets.totalCount, "/fleet-runs?state=RUNNING"),
    count("overview_tasks", found.all.totalCount, "/tasks"),
    count("servers", found.servers.totalCount, "/servers"),
  );
  fillList(now.list, [...found.running.nodes, ...found.pending.nodes].slice(0, 8).map(buildRun), "overview_quiet");
  fillList(due.list, next.map(buildDue), "overview_none_due");
  fillList(failed.list, found.failed.nodes.map(buildRun), "overview_none_failed");
}

const count = (name, number, href) => h("li", {}, h("a", { href }, h("strong", {}, number.toLocaleString()), " ", w(name)));

// Replaces the list's rows; the keyboard's focus stays on the link where it was.
function fillList(list, rows, none) {
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  put(list, rows.length ? rows : h("li", { class: "empty" }, w(none)));
  if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function buildRun(run) {
  const head = h("p", {}, link(`/executions/${run.id}`, `#${run.id} ${run.task?.name ?? ""}`.trim()), " ", state(run));
  const facts = h("p", { class: "faint" }, run.server?.name ?? w("run_gone"), " · ", duration(run), " · ", time(run.endTime ?? run.startTime ?? run.createdAt));
  return h("li", {}, head, h("p", {}, command(run.command)), facts);
}

function buildDue(task) {
  const where = task.server?.name ?? w("overview_many");
  return h("li", {}, h("p", {}, link(`/tasks/${task.id}`, task.name)), h("p", { class: "faint" }, where, " · ", time(task.nextRun), " · ", formatDistance(task.nextRun)));
}
