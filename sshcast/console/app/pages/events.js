// The event stream, newest first: live, with a button that holds it still, filters by kind, and older ones by cursor.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { buildLive, follow } from "/console/parts/follow.js";
import { command, link, reasonOf } from "/console/runs/rows.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { keepQuery, mayUse } from "/console/router.js";
import { legible } from "/playground/answer.js";
import { addWords, word } from "/playground/words.js";
import { WORDS as AUDIT_WORDS } from "/console/words/audit.js";
import { WORDS } from "/console/words/events.js";

addWords(AUDIT_WORDS);
addWords(WORDS);

const PAGE = 50;
// So many rows stay on the page, and so many events are held while it is paused.
const MOST_ROWS = 500;
const KINDS = {
  executions: ["EXECUTION_CREATED", "EXECUTION_STARTED", "EXECUTION_CANCEL_REQUESTED", "EXECUTION_ENDED"],
  slots: ["SLOT_DECIDED", "SLOT_CHANGED"],
  tasks: ["TASK_CREATED", "TASK_UPDATED", "TASK_PAUSED", "TASK_RESUMED", "TASK_DELETED", "TASK_POLICY_SET"],
  servers: ["SERVER_CREATED", "SERVER_UPDATED", "SERVER_DELETED", "SERVER_POLICY_SET"],
  fleet_runs: ["FLEET_RUN_CREATED", "FLEET_RUN_CANCEL_REQUESTED", "FLEET_RUN_ENDED"],
  audit: ["AUDIT_RECORDED"],
};
const PARTS = `fragment Parts on Event { __typename cursor at kind actor { name }
  ... on ExecutionEvent { executionId state reason execution { exitCode command server { name } task { id name } } }
  ... on SlotEvent { taskId outcome slot { slot task { name } executionId fleetRun { id } } }
  ... on TaskEvent { taskId task { name } }
  ... on ServerEvent { serverId server { name } }
  ... on FleetRunEvent { fleetRunId fleetRunState fleetRun { command counts { size } } }
  ... on AuditRecorded { auditEvent { id auditKind: kind actor objectKind objectId } } }`;
const PAST = `query ($before: String, $filter: EventFilter) { events(last: ${PAGE}, before: $before, filter: $filter) {
  nodes { ...Parts } pageInfo { startCursor endCursor hasPreviousPage } } } ${PARTS}`;
const LIVE = `subscription ($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) { ...Parts } } ${PARTS}`;
const COLUMNS = [
  { word: "event_at", class: "short", cell: ({ at }) => time(at) },
  { word: "event_kind", class: "short", cell: ({ kind }) => w(`event_${kind}`) },
  { word: "event_about", class: "event-about", cell: buildAbout },
  { word: "by", class: "name", cell: ({ actor, auditEvent }) => legible(actor?.name ?? auditEvent?.actor ?? "–") },
];

export async function open(place, { query, signal }) {
  const stream = new EventStream(readGroups(query.get("kinds")), signal);
  const boxes = Object.keys(KINDS)
    .filter((group) => group !== "audit" || mayUse("ADMIN"))
    .map((group) => h("label", {}, h("input", { type: "checkbox", name: group, checked: stream.groups.has(group), onchange: (event) => stream.choose(group, event.target.checked) }), w(group === "slots" ? "event_slots" : group)));
  const choices = h("fieldset", { class: "picks" }, h("legend", { class: "unseen" }, w("event_kinds")), boxes);
  const bar = h("div", { class: "bar" }, choices, h("span", { class: "gap" }), stream.live.element, stream.button);
  put(place, h("div", { class: "head" }, h("h2", {}, w("events"))), bar, stream.error, stream.table.element, stream.older);
  await stream.begin();
}

// No choice is every kind.
function readGroups(text) {
  const named = (text ?? "").split(",").filter((group) => group in KINDS);
  return new Set(named.length ? named : Object.keys(KINDS));
}

class EventStream {
  constructor(groups, signal) {
    this.groups = groups;
    this.signal = signal;
    this.table = new Table(COLUMNS, { caption: "events", empty: "event_none" });
    this.live = buildLive();
    this.error = h("p", { class: "error", role: "alert" });
    this.button = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.pause() }, w("event_pause"));
    this.older = h("button", { type: "button", hidden: true, onclick: () => this.readOlder() }, w("older"));
    this.isPaused = false;
    this.held = [];
    this.following = new AbortController();
    signal.addEventListener("abort", () => this.following.abort(), { once: true });
  }

  get filter() {
    const allowed = [...this.groups].filter((group) => group !== "audit" || mayUse("ADMIN"));
    return { kinds: allowed.flatMap((group) => KINDS[group]) };
  }

  // The newest events, then what follows them.
  async begin() {
    this.following.abort();
    const { signal } = (this.following = new AbortController());
    this.held = [];
    put(this.error);
    if (!this.groups.size) return this.show([], { hasPreviousPage: false });
    const { filter } = this;
    try {
      const { events } = await ask(PAST, { filter });
      if (signal.aborted || this.signal.aborted) return;
      this.show(events.nodes, events.pageInfo);
      follow(LIVE, { filter }, { after: events.pageInfo.endCursor, signal, onEvent: (event) => this.take(event), onGap: () => this.begin(), onState: this.live.show });
    } catch (error) {
      put(this.error, error.message);
    }
  }

  show(nodes, pageInfo) {
    this.table.show(nodes.toReversed().map(toRow));
    this.keepPlace(pageInfo);
  }

  keepPlace({ startCursor, hasPreviousPage }) {
    this.before = startCursor;
    this.older.hidden = !hasPreviousPage;
  }

  // A page may hold fewer events than asked for, or none, though there are older ones: one page is read for one press.
  async readOlder() {
    this.older.disabled = true;
    try {
      const { events } = await ask(PAST, { before: this.before, filter: this.filter });
      this.table.append(events.nodes.toReversed().map(toRow));
      this.keepPlace(events.pageInfo);
    } catch (error) {
      put(this.error, error.message);
    } finally {
      this.older.disabled = false;
    }
  }

  take(event) {
    if (!this.isPaused) return this.add(event);
    this.held.push(event);
    if (this.held.length > MOST_ROWS) this.held.shift();
    put(this.button, w("event_go_on", { count: this.held.length }));
  }

  add(event) {
    if (this.table.rows.has(event.cursor)) return;
    this.table.update(toRow(event));
    if (this.table.rows.size <= MOST_ROWS) return;
    // Whatever falls off the end is what "older" brings back.
    const last = this.table.body.lastElementChild.dataset.id;
    this.table.remove(last);
    this.before = this.table.body.lastElementChild.dataset.id;
    this.older.hidden = false;
  }

  pause() {
    this.isPaused = !this.isPaused;
    this.button.setAttribute("aria-pressed", String(this.isPaused));
    put(this.button, this.isPaused ? w("event_go_on", { count: 0 }) : w("event_pause"));
    for (const event of this.held.splice(0)) this.add(event);
  }

  choose(group, isChosen) {
    if (isChosen) this.groups.add(group);
    else this.groups.delete(group);
    const isAll = this.groups.size === Object.keys(KINDS).length;
    keepQuery({ kinds: isAll ? "" : [...this.groups].join(",") });
    return this.begin();
  }
}

const toRow = (event) => ({ ...event, id: event.cursor });

const BUILDERS = {
  ExecutionEvent: ({ executionId, state, reason, execution }) => [
    link(`/executions/${executionId}`, `${word("event_execution")} ${executionId}`),
    " ",
    stateBadge(state),
    " ",
    h("small", { class: "faint" }, reasonOf({ state, reason, exitCode: execution?.exitCode ?? "" })),
    execution && h("div", { class: "faint" }, legible(execution.server?.name ?? ""), " ", execution.task && link(`/tasks/${execution.task.id}`, execution.task.name)),
    execution && command(execution.command),
  ],
  SlotEvent: ({ taskId, outcome, slot }) => [
    link(`/tasks/${taskId}`, slot?.task?.name ?? `${word("task")} ${taskId}`),
    " ",
    slot && time(slot.slot),
    " ",
    h("span", { class: "tag" }, w(`event_outcome_${outcome}`)),
    slot?.executionId && [" ", link(`/executions/${slot.executionId}`, `${word("event_execution")} ${slot.executionId}`)],
    slot?.fleetRun && [" ", link(`/fleet-runs/${slot.fleetRun.id}`, `${word("run_fleet")} ${slot.fleetRun.id}`)],
  ],
  TaskEvent: ({ taskId, task }) => link(`/tasks/${taskId}`, task?.name ?? `${word("task")} ${taskId}`),
  ServerEvent: ({ serverId, server }) => link(`/servers/${serverId}`, server?.name ?? `${word("server")} ${serverId}`),
  FleetRunEvent: ({ fleetRunId, fleetRunState, fleetRun }) => [
    link(`/fleet-runs/${fleetRunId}`, `${word("run_fleet")} ${fleetRunId}`),
    " ",
    stateBadge(fleetRunState),
    fleetRun && command(fleetRun.command),
  ],
  AuditRecorded: ({ auditEvent }) => auditEvent && [w(`audit_did_${auditEvent.auditKind}`), auditEvent.objectKind && [" · ", w(`audit_${auditEvent.objectKind}`), " ", auditEvent.objectId ?? ""]],
};

function buildAbout(event) {
  return h("div", {}, BUILDERS[event.__typename]?.(event));
}
