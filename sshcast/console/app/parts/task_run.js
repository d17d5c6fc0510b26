// Runs a task: at once, with a form where it declares parameters, or on its servers where it is a fleet task.

import { change } from "/console/ask.js";
import { h, w } from "/console/dom.js";
import { field, form, select, text } from "/console/parts/form.js";
import { confirmed, openDialog } from "/console/parts/dialog.js";
import { fillControl } from "/console/parts/rows.js";
import { go, mayUse } from "/console/router.js";

const RUN = `mutation ($input: RunTaskInput!) { runTask(input: $input) { execution { id } errors { code message field } } }`;
const START = `mutation ($input: StartFleetRunInput!) { startFleetRun(input: $input) { fleetRun { id } errors { code message field } } }`;

// What one has to know of a task to run it.
export const RUNNABLE = `id name server { viewerRole enabled } selector { byIds }
  fleet { onRefused pauseSeconds batchSize { number percent } stopAfter { number percent } }
  parameters { name type required description default minimum maximum options }`;

export const mayRun = (task) => mayUse("OPERATOR") || ["OPERATOR", "ADMIN"].includes(task.server?.viewerRole);

// Opens the form for the parameters, or asks before a fleet run, or starts it; then shows the run.
export async function runTask(task) {
  if (task.parameters.length > 0) return openRunForm(task);
  if (task.selector && !(await confirmed(w("task_run_fleet_question", { name: task.name }), "task_run"))) return;
  await start(task, []);
}

function openRunForm(task) {
  const controls = new Map(task.parameters.map((parameter) => [parameter, makeControl(parameter)]));
  const fields = task.parameters.map((parameter) => buildField(parameter, controls.get(parameter)));
  const element = form({ submit: "task_run", work: () => start(task, readValues(controls)).then(() => dialog.close()) }, fields);
  element.noValidate = true; // the service's own sentences say what is wrong, in the chosen language
  const dialog = openDialog(w("task_run_title", { name: task.name }), element);
}

function buildField(parameter, control) {
  const box = field(parameter.name, parameter.required ? "parameter_needed" : "parameter_optional", control);
  box.querySelector("label").prepend(h("code", {}, parameter.name), " ");
  if (parameter.description) control.before(h("small", {}, parameter.description));
  return box;
}

// The control that fits the type; what is left empty is not sent, so that the parameter's default holds.
function makeControl({ type, options, default: value, minimum, maximum, required }) {
  const given = { required: required ? true : null };
  const none = required ? [] : [["", value === null ? "parameter_unset" : "parameter_use_default"]];
  if (type === "CHOICE") return fillControl(select([...none, ...options.map((each) => [each, document.createTextNode(each)])], given), value);
  if (type === "BOOLEAN") return fillControl(select([...none, ["true", "yes"], ["false", "no"]], given), value);
  if (type === "INTEGER") return fillControl(h("input", { type: "number", step: "1", min: minimum?.toString(), max: maximum?.toString(), ...given }), value);
  if (type === "SECRET") return h("input", { type: "password", autocomplete: "off", ...given });
  return fillControl(text(given), value);
}

function readValues(controls) {
  return [...controls].filter(([, control]) => control.value !== "").map(([parameter, control]) => ({ name: parameter.name, value: control.value }));
}

async function start(task, parameters) {
  if (task.selector) {
    const { fleetRun } = await change(START, { input: { work: { taskId: task.id }, parameters, ...readFleetTerms(task.fleet) } });
    return go(`/fleet-runs/${fleetRun.id}`);
  }
  const { execution } = await change(RUN, { input: { taskId: task.id, parameters } });
  return go(`/executions/${execution.id}`);
}

function readFleetTerms({ batchSize, stopAfter, pauseSeconds, onRefused }) {
  const counted = (given, name) => given && (given.percent === null ? { [name]: given.number } : { percent: given.percent });
  return { batchSize: counted(batchSize, "servers"), stopAfter: counted(stopAfter, "failures"), pauseSeconds, onRefused };
}
