// The dialog that starts a fleet run: first its plan (which servers, which are refused and why), then the start of that plan.

import { ask, change, Refusal } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { editFleetTerms } from "/console/fleets/terms.js";
import { checkLive } from "/console/parts/command_check.js";
import { openDialog } from "/console/parts/dialog.js";
import { area, check, field, form, select, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { go } from "/console/router.js";
import { editValues, PARAMETERS } from "/console/tasks/values.js";
import { legible } from "/playground/answer.js";

const SHOWN = 100;
const SERVERS = "servers: servers(first: 100) { nodes { serverId server { name } } }";
const TASK = `query ($id: ID!) { task(id: $id) { ${PARAMETERS} } }`;
const PLAN = `query ($input: FleetRunPlanInput!) { fleetRunPlan(input: $input) { digest size refusedCount
  ${SERVERS} refused: servers(refused: true, first: 100) { nodes { serverId refusal message server { name } } } errors { code message field } } }`;
const START = `mutation ($input: StartFleetRunInput!) { startFleetRun(input: $input) { fleetRun { id }
  errors { code message field ... on ServersRefused { refused { name message } } } } }`;

export function openFleetDialog() {
  const forget = () => put(place).toggleAttribute("hidden", true);
  const fields = buildFields(forget);
  const place = h("div", { class: "plan", hidden: true });
  const status = h("p", { class: "unseen", role: "status" });
  const asked = form(
    { submit: "fleet_plan", work: () => showPlan(fields, place, status, () => dialog.close()) },
    ...fields.shown,
    status,
  );
  // A plan holds for what it was made of: whatever changes above puts it away.
  asked.addEventListener("input", forget);
  asked.noValidate = true; // the service's own sentences say what is wrong, in the chosen language
  asked.append(place);
  const dialog = openDialog(w("fleet_start"), asked);
  fields.command.focus();
  return dialog;
}

function buildFields(onChange) {
  const kind = select([["command", "command"], ["task", "task"]], { onchange: chooseKind });
  const command = area({ rows: "3", oninput: () => verdict.ask() });
  const verdict = checkLive(() => ({ command: command.value }));
  const task = buildTask(onChange);
  const names = { tagsAll: text(), nameContains: text() };
  const all = check();
  const terms = editFleetTerms();
  const commandField = h("div", { class: "stack" }, field("command", "command", command), verdict.element);
  function chooseKind() {
    commandField.hidden = kind.value !== "command";
    task.element.hidden = kind.value !== "task";
  }
  chooseKind();
  const where = h("div", { class: "pair" }, field("tagsAll", "fleet_tags", names.tagsAll, { about: "fleet_tags_about" }), field("nameContains", "fleet_names", names.nameContains));
  const folded = h("details", {}, h("summary", {}, w("fleet_terms")), terms.element);
  const shown = [field("work", "fleet_work", kind), commandField, task.element, where, h("label", { class: "bar" }, all, w("fleet_all")), folded];
  return { shown, command, kind, task, names, all, terms };
}

// The choice of a task; below it, fields for the values of its parameters. `read()` gives the part of the input that is about it.
function buildTask(onChange) {
  const place = h("div", { class: "stack" });
  let values = editValues([]);
  const picker = new Picker("task", { onPick: show });
  const element = h("div", { class: "stack" }, field("taskId", "task", picker.element), picker.list, place);
  async function show(id) {
    onChange();
    const { task } = id ? await ask(TASK, { id }).catch(() => ({ task: null })) : { task: null };
    if (id !== picker.id) return;
    values = editValues(task?.parameters ?? []);
    put(place, values.fields);
  }
  return { element, settle: () => picker.resolve(), read: () => ({ work: { taskId: picker.id ?? "" }, parameters: values.read() }) };
}

function readWanted({ kind, command, task, names, all }) {
  const tagsAll = names.tagsAll.value.split(/[,，\s]+/).filter(Boolean);
  const nameContains = names.nameContains.value || (all.checked ? "" : null);
  const selector = { ...(tagsAll.length ? { tagsAll } : {}), ...(nameContains === null ? {} : { nameContains }) };
  const isTask = kind.value === "task";
  const work = isTask ? task.read() : { work: { command: { command: command.value } } };
  return { ...work, ...(isTask && !Object.keys(selector).length ? {} : { selector }) };
}

async function showPlan(fields, place, status, close) {
  if (fields.kind.value === "task") await fields.task.settle();
  const wanted = readWanted(fields);
  const { fleetRunPlan: plan } = await ask(PLAN, { input: wanted });
  if (plan.errors.length) throw new Refusal(plan.errors);
  const error = h("p", { class: "error", role: "alert" });
  const failsAll = fields.terms.read().onRefused === "FAIL_ALL" && plan.refusedCount > 0;
  const going = plan.size - plan.refusedCount;
  const start = h("button", { type: "button", class: "primary", disabled: !going || failsAll, onclick: send }, w(going === 1 ? "fleet_start_on_one" : "fleet_start_on", { count: going }));
  async function send() {
    start.disabled = true;
    try {
      const { fleetRun } = await change(START, { input: { ...wanted, ...fields.terms.read(), planDigest: plan.digest } });
      close();
      await go(`/fleet-runs/${fleetRun.id}`);
    } catch (refusal) {
      put(error, [refusal.message, ...(refusal.errors ?? []).flatMap(({ refused }) => (refused ?? []).map(({ name, message }) => `${legible(name)}: ${message}`))].join("\n"));
      start.disabled = false;
    }
  }
  put(place, ...buildPlan(plan, failsAll), error, h("p", { class: "actions" }, start));
  place.hidden = false;
  put(status, w("fleet_planned", { count: going, refused: plan.refusedCount }));
  start.focus({ preventScroll: true });
  const dialog = place.closest("dialog");
  dialog.scrollTop = dialog.scrollHeight;
}

function buildPlan({ digest, size, refusedCount, servers, refused }, failsAll) {
  const refusals = new Set(refused.nodes.map(({ serverId }) => serverId));
  const names = servers.nodes.filter(({ serverId }) => !refusals.has(serverId)).map(({ server, serverId }) => legible(server?.name ?? `#${serverId}`));
  const left = size - refusedCount - names.length;
  const why = refused.nodes.map(({ server, serverId, refusal, message }) =>
    h("li", {}, h("b", {}, legible(server?.name ?? `#${serverId}`)), ": ", w(`fleet_refusal_${refusal}`), message && h("div", { class: "faint" }, legible(message))),
  );
  return [
    h("h3", {}, w(size - refusedCount === 1 ? "fleet_plan_of_one" : "fleet_plan_of", { count: size - refusedCount })),
    h("p", {}, names.join(", "), left > 0 && w("fleet_and_more", { count: left })),
    refusedCount > 0 && h("h3", {}, w("fleet_refused_count", { count: refusedCount })),
    refusedCount > 0 && h("ul", { tabIndex: 0, label: "fleet_REFUSED" }, why, refusedCount > SHOWN && h("li", {}, w("fleet_and_more", { count: refusedCount - SHOWN }))),
    failsAll && h("p", { class: "error" }, w("fleet_fails_all")),
    h("p", { class: "faint" }, w("fleet_digest"), " ", h("code", {}, digest.slice(0, 16))),
  ].filter(Boolean);
}
