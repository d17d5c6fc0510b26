// The filters of the list of executions: fields, the address's query, and the filter that the service is asked with.

import { ask } from "/console/ask.js";
import { h, w } from "/console/dom.js";
import { select, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { mayUse } from "/console/router.js";
import { legible } from "/playground/answer.js";

const STATES = ["PENDING", "RUNNING", "SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"];
const REASONS = ["AUTH_FAILED", "CANCELLED", "DEADLINE", "EXIT_STATUS", "HOST_KEY_CHANGED", "HOST_KEY_UNKNOWN", "LOST", "NOT_ALLOWED", "OUTPUT_LIMIT", "REFUSED_BY_POLICY", "SIGNAL", "START_FAILED", "TIMEOUT", "UNREACHABLE"];
const TRIGGERS = ["API", "CLI", "MANUAL", "RETRY", "SCHEDULE"];
const SPANS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000 };
const NAMES = ["text", "state", "server", "task", "who", "when", "from", "to", "reason", "trigger", "fleet"];
const QUIET_MS = 300;

export function readFilters(query) {
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) || null]).filter(([, value]) => value !== null));
}

// `TaskExecutionFilter` of these filters. A span ends now: its beginning is reckoned at each call.
export function buildFilter({ text: part, state, server, task, who, when, from, to, reason, trigger, fleet }) {
  const since = SPANS[when] ? new Date(Date.now() - SPANS[when]) : when === "range" && from ? new Date(from) : null;
  const until = when === "range" && to ? new Date(to) : null;
  const filter = {
    commandContains: part,
    states: state && [state],
    serverId: server,
    taskId: task,
    createdById: who,
    createdFrom: since?.toISOString(),
    createdTo: until?.toISOString(),
    reasons: reason && [reason],
    trigger,
    fleetRunId: fleet,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
}

// A form of all filters; `onChange(filters)` is called when one changed.
export function buildFilters(filters, onChange) {
  const now = { ...filters };
  const set = (name, value) => {
    if (value) now[name] = value;
    else delete now[name];
    range.hidden = now.when !== "range";
    onChange({ ...now });
  };
  const search = buildSearch(now.text, (value) => set("text", value));
  const range = h("span", { class: "filters", hidden: now.when !== "range" }, buildMoment("from", now, set), buildMoment("to", now, set));
  const more = h(
    "details",
    { open: Object.keys(now).some((name) => !["text", "state"].includes(name)) },
    h("summary", {}, w("runs_more")),
    h(
      "div",
      { class: "filters" },
      buildPicker("server", now.server, (id) => set("server", id)),
      buildPicker("task", now.task, (id) => set("task", id)),
      buildWho(now.who, (value) => set("who", value)),
      buildChoice("runs_when", "when", [...Object.keys(SPANS), "range"].map((each) => [each, `runs_${each}`]), now.when, set),
      range,
      buildChoice("reason", "reason", REASONS.map((each) => [each, `reason_${each}`]), now.reason, set),
      buildChoice("runs_trigger", "trigger", TRIGGERS.map((each) => [each, `trigger_${each}`]), now.trigger, set),
    ),
  );
  const state = buildChoice("state", "state", STATES.map((each) => [each, `state_${each}`]), now.state, set);
  return h("form", { class: "panel find", role: "search", onsubmit: (event) => event.preventDefault() }, h("div", { class: "filters" }, search, state), more);
}

function buildSearch(value, onChange) {
  let timer = 0;
  const input = text({ type: "search", name: "text", maxLength: 1000, oninput: later });
  input.value = value ?? "";
  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => onChange(input.value), QUIET_MS);
  }
  return h("label", { class: "search" }, w("runs_text"), input);
}

function buildChoice(label, name, options, value, set) {
  const choice = select([["", "any"], ...options], { name, onchange: () => set(name, choice.value) });
  choice.value = value ?? "";
  return h("label", {}, w(label), choice);
}

function buildMoment(name, now, set) {
  const input = h("input", { type: "datetime-local", name, onchange: () => set(name, input.value) });
  input.value = now[name] ?? "";
  return h("label", {}, w(`runs_${name}`), input);
}

function buildPicker(kind, id, onPick) {
  const picker = new Picker(kind, { id, onPick, attributes: { name: kind, placeholder: "any" } });
  return h("label", {}, w(kind), picker.element, picker.list);
}

// Only admins may list users; the others choose between all and themselves.
function buildWho(value, onChange) {
  const choice = select([["", "any"]], { name: "who", onchange: () => onChange(choice.value) });
  const query = mayUse("ADMIN") ? "{ me { id name } users(first: 100) { nodes { id name } } }" : "{ me { id name } }";
  const known = ask(query).then(({ me, users }) => [[me.id, document.createTextNode(`${legible(me.name)} *`)], ...(users?.nodes ?? []).filter(({ id }) => id !== me.id).map(({ id, name }) => [id, document.createTextNode(legible(name))])]);
  known.then((people) => {
    if (value && !people.some(([id]) => id === value)) people.push([value, document.createTextNode(`#${value}`)]);
    choice.append(...people.map(([id, shown]) => h("option", { value: id }, shown)));
    choice.value = value ?? "";
  }, () => {});
  return h("label", {}, w("runs_who"), choice);
}
