// The form of a task, for a new one and for one that is there: what it sends is what was changed.

import { change } from "/console/ask.js";
import { h, w } from "/console/dom.js";
import { checkLive } from "/console/parts/command_check.js";
import { area, check, field, fillControl, form, text } from "/console/parts/form.js";
import { editSecrets, editVariables } from "/console/parts/variables.js";
import { editParameters } from "/console/tasks/parameters.js";
import { previewLive } from "/console/tasks/schedule_preview.js";
import { editTarget } from "/console/tasks/target.js";
import { editLimits, editTerms } from "/console/tasks/terms.js";

const ERRORS = "errors { code message field }";
const CREATE = `mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } ${ERRORS} } }`;
const UPDATE = `mutation ($input: UpdateTaskInput!) { updateTask(input: $input) { task { id } ${ERRORS} } }`;
const ZONES = Intl.supportedValuesOf?.("timeZone") ?? [];

// What the form has to know of a task that is there.
export const EDITED = `id name command cronExpr timezone enabled envNames workingDir timeoutSeconds outputLimitBytes onOutputLimit runMode mergeStreams
  server { id name } selector { byIds nameContains tagsAll tagsAny tagsNone }
  fleet { onRefused pauseSeconds batchSize { number percent } stopAfter { number percent } }
  secretEnv { name secret } parameterValues { name value secret }
  parameters { name type required description default pattern minimum maximum options }
  terms { dst jitterSeconds missed missedCap missedWindowSeconds overlap retryDelaySeconds retryLimit retryOn startDeadlineSeconds }`;

// The form's element. `task` is null for a new one; `onSaved` gets the id.
export function buildTaskForm(task, onSaved) {
  const target = editTarget(task);
  const work = editWork(task, target);
  const terms = editTerms(task);
  const schedule = editSchedule(task, terms.dst, target);
  const [parameters, variables, secrets, limits] = [editParameters(task), editVariables(task), editSecrets(task), editLimits(task)];
  const sections = [work, target, schedule, parameters, variables, secrets, limits, terms];
  const read = () => Object.assign({}, ...sections.map((section) => section.read()));
  const before = task ? read() : {};
  const element = form(
    { submit: task ? "save" : "task_create", work: async () => onSaved(await save(task, before, target, read)) },
    work.name,
    target.element,
    work.command,
    schedule.element,
    fold("task_parameters", task?.parameters.length, parameters.element),
    fold("task_variables", task && task.envNames.length + task.secretEnv.length, variables.element, secrets.element),
    fold("task_limits", false, limits.element),
    fold("task_terms", false, terms.element),
  );
  element.noValidate = true; // the service's own sentences say what is wrong, in the chosen language
  if (task) work.ask();
  schedule.ask();
  return element;
}

const fold = (name, isOpen, ...content) => h("details", { open: Boolean(isOpen) }, h("summary", {}, w(name)), h("div", { class: "stack" }, content));

async function save(task, before, target, read) {
  await target.resolve();
  const after = read();
  const input = Object.fromEntries(Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
  if (task === null) return (await change(CREATE, { input: withoutNulls(input) })).task.id;
  return (await change(UPDATE, { input: { id: task.id, ...input } })).task.id;
}

const withoutNulls = (input) => Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));

function editWork(task, target) {
  const name = fillControl(text({ maxlength: "100" }), task?.name);
  const command = fillControl(area({ rows: "4", class: "mono" }), task?.command);
  const read = () => ({ name: name.value.trim(), command: command.value });
  const verdict = checkLive(() => ({
    command: command.value,
    serverId: task ? null : target.serverId,
    taskId: task?.id ?? null,
  }));
  command.addEventListener("input", verdict.ask);
  target.element.addEventListener("change", verdict.ask);
  const commandField = field("command", "command", command, { about: "task_command_about" });
  commandField.append(verdict.element);
  return { name: field("name", "name", name), command: commandField, read, ask: verdict.ask };
}

function editSchedule(task, dst, target) {
  const cron = fillControl(text({ class: "mono" }), task?.cronExpr ?? "@manual");
  const zone = fillControl(text({ list: "zones" }), task?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const enabled = check({ checked: task?.enabled ?? true });
  const preview = previewLive(() => ({ cronExpr: cron.value, timezone: zone.value.trim() || null, dst: dst.value, serverId: target.serverId }));
  for (const control of [cron, zone, dst]) control.addEventListener("input", preview.ask);
  const element = h(
    "fieldset",
    {},
    h("legend", {}, w("task_when")),
    h("div", { class: "columns" }, field("cronExpr", "task_cron", cron, { about: "task_cron_about" }), field("timezone", "task_zone", zone)),
    h("datalist", { id: "zones" }, ZONES.map((value) => h("option", { value }))),
    preview.element,
    h("label", { class: "inline" }, enabled, w("task_enabled")),
  );
  const read = () => ({ cronExpr: cron.value.trim(), timezone: zone.value.trim() || null, enabled: enabled.checked });
  return { element, read, ask: preview.ask };
}
