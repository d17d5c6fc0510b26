// The dialog that starts a fleet run: first its plan (which servers, which are refused and why), then the start of that plan.

import { ask, change, Refusal } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { openDialog } from "/console/parts/dialog.js";
import { area, field, form, select, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { showVerdict } from "/console/parts/run_dialog.js";
import { go } from "/console/router.js";
import { legible } from "/playground/answer.js";

const SHOWN = 100;
const SERVERS = "servers: servers(first: 100) { nodes { serverId server { name } } }";
const PLAN = `query ($input: FleetRunPlanInput!) { fleetRunPlan(input: $input) { digest size refusedCount
  ${SERVERS} refused: servers(refused: true, first: 100) { nodes { serverId refusal message server { name } } } errors { code message field } } }`;
const START = `mutation ($input: StartFleetRunInput!) { startFleetRun(input: $input) { fleetRun { id }
  errors { code message field ... on ServersRefused { refused { name message } } } } }`;

export function openFleetDialog() {
  const fields = buildFields();
  const place = h("div", { class: "plan", hidden: true });
  const status = h("p", { class: "unseen", role: "status" });
  const asked = form(
    { submit: "fleet_plan", work: () => showPlan(fields, place, status, () => dialog.close()) },
    ...fields.shown,
    status,
  );
  // A plan holds for what it was made of: whatever changes above puts it away.
  asked.addEventListener("input", () => put(place).toggleAttribute("hidden", true));
  asked.append(place);
  const dialog = openDialog(w("fleet_start"), asked);
  fields.command.focus();
  return dialog;
}

function buildFields() {
  const kind = select([["command", "command"], ["task", "task"]], { onchange: chooseKind });
  const command = area({ rows: "3" });
  const verdict = showVerdict(command, () => null);
  const task = new Picker("task");
  const names = { tagsAll: text(), nameContains: text() };
  const all = h("input", { type: "checkbox" });
  const batch = buildAmount("servers");
  const stop = buildAmount("failures");
  const pause = text({ type: "number", min: "0", inputMode: "numeric" });
  const refused = select([["SKIP", "fleet_skip"], ["FAIL_ALL", "fleet_fail_all"]]);
  const commandField = h("div", { class: "stack" }, field("command", "command", command), verdict.element);
  const taskField = h("div", { hidden: true }, field("taskId", "task", task.element), task.list);
  function chooseKind() {
    commandField.hidden = kind.value !== "command";
    taskField.hidden = kind.value !== "task";
  }
  const where = h("div", { class: "pair" }, field("tagsAll", "fleet_tags", names.tagsAll, { about: "fleet_tags_about" }), field("nameContains", "fleet_names", names.nameContains));
  const terms = h(
    "details",
    {},
    h("summary", {}, w("fleet_terms")),
    h("div", { class: "pair" }, batch.field("batchSize", "fleet_batch"), field("pauseSeconds", "fleet_pause", pause), stop.field("stopAfter", "fleet_stop_after"), field("onRefused", "fleet_on_refused", refused)),
  );
  const shown = [field("work", "fleet_work", kind), commandField, taskField, where, h("label", { class: "bar" }, all, w("fleet_all")), terms];
  return { shown, command, kind, task, names, all, batch, stop, pause, refused };
}

// A number with its unit: so many servers or failures, or so many percent of all servers.
function buildAmount(unit) {
  const number = text({ type: "number", min: "1", inputMode: "numeric" });
  const choice = select([[unit, `fleet_${unit}`], ["percent", "fleet_percent"]], { label: "fleet_unit" });
  const build = (name, label) => {
    const whole = field(name, label, number);
    const pair = h("div", { class: "amount" });
    number.replaceWith(pair);
    pair.append(number, choice);
    return whole;
  };
  return { field: build, read: () => (number.value ? { [choice.value]: Number(number.value) } : null) };
}

function readWanted({ kind, command, task, names, all }) {
  const tagsAll = names.tagsAll.value.split(/[,，\s]+/).filter(Boolean);
  const nameContains = names.nameContains.value || (all.checked ? "" : null);
  const selector = { ...(tagsAll.length ? { tagsAll } : {}), ...(nameContains === null ? {} : { nameContains }) };
  const isTask = kind.value === "task";
  const work = isTask ? { taskId: task.id ?? "" } : { command: { command: command.value } };
  return { work, ...(isTask && !Object.keys(selector).length ? {} : { selector }) };
}

function readTerms({ batch, stop, pause, refused }) {
  const terms = { batchSize: batch.read(), stopAfter: stop.read(), pauseSeconds: pause.value ? Number(pause.value) : null };
  return { ...Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== null)), onRefused: refused.value };
}

async function showPlan(fields, place, status, close) {
  await fields.task.settle();
  const wanted = readWanted(fields);
  const { fleetRunPlan: plan } = await ask(PLAN, { input: wanted });
  if (plan.errors.length) throw new Refusal(plan.errors);
  const error = h("p", { class: "error", role: "alert" });
  const failsAll = fields.refused.value === "FAIL_ALL" && plan.refusedCount > 0;
  const going = plan.size - plan.refusedCount;
  const start = h("button", { type: "button", class: "primary", disabled: !going || failsAll, onclick: send }, w(going === 1 ? "fleet_start_on_one" : "fleet_start_on", { count: going }));
  async function send() {
    start.disabled = true;
    try {
      const { fleetRun } = await change(START, { input: { ...wanted, ...readTerms(fields), planDigest: plan.digest } });
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
