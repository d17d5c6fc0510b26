// Runs a task: at once, with a form where it declares parameters, or on its servers where it is a fleet task.

import { change } from "/console/ask.js";
import { w } from "/console/dom.js";
import { confirmed, openDialog } from "/console/parts/dialog.js";
import { form } from "/console/parts/form.js";
import { go, mayUse } from "/console/router.js";
import { editValues, PARAMETERS } from "/console/tasks/values.js";

const RUN = `mutation ($input: RunTaskInput!) { runTask(input: $input) { execution { id } errors { code message field } } }`;
const START = `mutation ($input: StartFleetRunInput!) { startFleetRun(input: $input) { fleetRun { id } errors { code message field } } }`;

// What one has to know of a task to run it.
export const RUNNABLE = `id name server { viewerRole enabled } selector { byIds }
  fleet { onRefused pauseSeconds batchSize { number percent } stopAfter { number percent } }
  ${PARAMETERS}`;

export const mayRun = (task) => mayUse("OPERATOR") || ["OPERATOR", "ADMIN"].includes(task.server?.viewerRole);

// Opens the form for the parameters, or asks before a fleet run, or starts it; then shows the run.
export async function runTask(task) {
  if (task.parameters.length > 0) return openRunForm(task);
  if (task.selector && !(await confirmed(w("task_run_fleet_question", { name: task.name }), "task_run"))) return;
  await start(task, []);
}

function openRunForm(task) {
  const { fields, read } = editValues(task.parameters);
  const element = form({ submit: "task_run", work: () => start(task, read()).then(() => dialog.close()) }, fields);
  element.noValidate = true; // the service's own sentences say what is wrong, in the chosen language
  const dialog = openDialog(w("task_run_title", { name: task.name }), element);
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
