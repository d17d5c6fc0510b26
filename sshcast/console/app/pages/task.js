// A task: what it does and when, its next runs, its last runs and slots; run, pause, edit and delete it.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { confirmed, openDialog } from "/console/parts/dialog.js";
import { refreshOnEvents } from "/console/parts/follow.js";
import { field, form } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { facts, panel } from "/console/parts/labelled.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { formatDuration, formatSize, time } from "/console/parts/times.js";
import { go } from "/console/router.js";
import { buildTaskForm, EDITED } from "/console/tasks/form.js";
import { outcomeBadge } from "/console/tasks/outcome.js";
import { mayRun, runTask } from "/console/tasks/run.js";
import { listRuns } from "/console/tasks/schedule_preview.js";
import { scheduleState, scheduleText, targetOf } from "/console/tasks/state.js";
import { WORDS } from "/console/words/tasks.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const ONE = `query ($id: ID!) { task(id: $id) { ${EDITED.replace("server { id name }", "server { id name viewerRole enabled }")}
  pausedAt pausedUntil scheduleMode scheduleModeSince deletedAt createdAt updatedAt shell createdBy { name } updatedBy { name } nextRun
  nextRuns { at local note wantedLocal blackoutUntil }
  executions(first: 10, orderBy: {field: ID, direction: DESC}) { nodes { id state createdAt durationMs reason server { id name } createdBy { name } trigger } }
  slots(first: 10) { nodes { id slot outcome reason execution { id state } } } } }`;
const buildChange = (name, type) => `mutation ($input: ${type}!) { ${name}(input: $input) { errors { code message field } } }`;
const ENABLE = buildChange("setTaskEnabled", "SetTaskEnabledInput");
const PAUSE = buildChange("pauseTask", "PauseTaskInput");
const RESUME = buildChange("resumeTask", "ResumeTaskInput");
const DELETE = buildChange("deleteTask", "DeleteTaskInput");

export async function open(place, { params, query, signal }) {
  const { task } = await ask(ONE, { id: params.id });
  if (task === null) return put(place, h("p", { class: "empty" }, w("task_none")));
  if (query.has("edit")) return openEdit(place, task);
  document.title = `${task.name} · sshcast`;
  const refresh = async () => {
    const found = await ask(ONE, { id: params.id });
    if (found.task && !place.contains(document.activeElement)) show(place, found.task, refresh);
    else if (found.task) showAround(place, found.task, refresh);
  };
  show(place, task, refresh);
  refreshOnEvents({ taskId: params.id }, refresh, signal);
}

function openEdit(place, task) {
  const taskForm = buildTaskForm(task, (id) => go(`/tasks/${id}`));
  const head = h("div", { class: "head" }, h("h2", {}, w("task_edit_title", { name: task.name })), h("a", { class: "button", href: `/tasks/${task.id}` }, w("cancel")));
  put(place, head, h("div", { class: "panel narrow" }, taskForm));
}

function show(place, task, refresh) {
  put(place, buildHead(task, refresh), ...buildPanels(task));
}

// While the focus is within the page, its head stays as it is: a button that one is about to press does not go away.
function showAround(place, task, refresh) {
  const [head] = place.children;
  if (head.contains(document.activeElement)) put(place, head, ...buildPanels(task));
  else show(place, task, refresh);
}

function buildHead(task, refresh) {
  const act = (mutation, input = {}) => async () => {
    await change(mutation, { input: { id: task.id, ...input } });
    document.activeElement?.blur();
    await refresh();
  };
  const hasSchedule = task.enabled && task.cronExpr !== "@manual";
  const may = mayRun(task) && task.deletedAt === null;
  return h(
    "div",
    { class: "head" },
    h("h2", {}, task.name),
    may && [
      actionButton("task_run", () => runTask(task), { class: "primary" }),
      hasSchedule && (task.pausedAt ? actionButton("task_resume", act(RESUME)) : actionButton("task_pause", () => openPause(task, refresh))),
      actionButton(task.enabled ? "task_disable" : "task_enable", act(ENABLE, { enabled: !task.enabled })),
      h("a", { class: "button", href: `/tasks/${task.id}?edit=1` }, w("edit")),
      actionButton("delete", () => deleteTask(task), { class: "danger" }),
    ],
  );
}

function openPause(task, refresh) {
  const until = h("input", { type: "datetime-local" });
  const element = form(
    {
      submit: "task_pause",
      async work() {
        await change(PAUSE, { input: { id: task.id, until: until.value ? new Date(until.value).toISOString() : null } });
        dialog.close();
        document.activeElement?.blur();
        await refresh();
      },
    },
    field("until", "task_pause_until", until, { about: "task_pause_about" }),
  );
  const dialog = openDialog(w("task_pause_title", { name: task.name }), element);
}

async function deleteTask(task) {
  if (!(await confirmed(w("task_delete_question", { name: task.name }), "delete"))) return;
  await change(DELETE, { input: { id: task.id } });
  await go("/tasks");
}

function buildPanels(task) {
  const next = task.nextRuns.length ? listRuns(task.nextRuns) : h("p", { class: "empty" }, w("task_no_next"));
  return [
    task.deletedAt && h("p", { class: "error" }, w("task_deleted"), " ", time(task.deletedAt)),
    h("div", { class: "panels" }, panel("task_what", h("pre", { class: "shell-text", tabindex: "0" }, task.command), buildFacts(task)), panel("task_next_runs", scheduleState(task), next)),
    task.parameters.length > 0 && panel("task_parameters", buildParameters(task)),
    panel("task_last_runs", buildRuns(task.executions.nodes)),
    task.slots.nodes.length > 0 && panel("task_slots", buildSlots(task.slots.nodes), h("p", {}, h("a", { href: `/schedule?task=${task.id}` }, w("task_all_slots")))),
  ];
}

function buildFacts(task) {
  const names = [...task.envNames, ...task.secretEnv.map(({ name, secret }) => (secret ? `${name} = ${secret}` : `${name} = •••`))];
  return facts([
    ["task_where", targetOf(task)],
    ["task_schedule", scheduleText(task)],
    ["task_mode", task.scheduleModeSince && [w(`mode_of_${task.scheduleMode}`), " (", w("task_mode_since"), " ", time(task.scheduleModeSince), ")"]],
    ["task_overlap", w(`overlap_${task.terms.overlap}`)],
    ["task_missed", w(`missed_${task.terms.missed}`)],
    ["task_retries", task.terms.retryLimit ? `${task.terms.retryLimit} × (${task.terms.retryOn.join(", ")})` : null],
    ["task_workingDir", task.workingDir && h("code", {}, task.workingDir)],
    ["task_time_limit", formatDuration(task.timeoutSeconds * 1000)],
    ["task_output_limit", formatSize(task.outputLimitBytes)],
    ["task_env", names.length ? h("code", {}, names.join(", ")) : null],
    ["created", [time(task.createdAt), " ", task.createdBy?.name ?? ""]],
    ["task_updated", [time(task.updatedAt), " ", task.updatedBy?.name ?? ""]],
  ]);
}

function buildParameters(task) {
  const given = new Map(task.parameterValues.map(({ name, value, secret }) => [name, secret ? "•••" : value]));
  const table = new Table(
    [
      { word: "name", cell: (row) => h("code", {}, row.name) },
      { word: "parameter_type", cell: (row) => w(`parameter_${row.type}`) },
      { word: "parameter_required", cell: (row) => w(row.required ? "yes" : "no") },
      { word: "parameter_default", cell: (row) => row.default ?? "–" },
      { word: "parameter_scheduled", cell: (row) => given.get(row.name) ?? "–" },
      { word: "parameter_description", cell: (row) => row.description ?? row.options.join(", ") },
    ],
    { caption: "task_parameters" },
  );
  table.show(task.parameters.map((parameter) => ({ id: parameter.name, ...parameter })));
  return table.element;
}

function buildRuns(runs) {
  const table = new Table(
    [
      { word: "state", cell: (run) => h("a", { href: `/executions/${run.id}` }, stateBadge(run.state)) },
      { word: "server", cell: (run) => run.server?.name ?? "–" },
      { word: "created", class: "short", cell: (run) => time(run.createdAt) },
      { word: "duration", class: "number", cell: (run) => formatDuration(run.durationMs) },
      { word: "by", cell: (run) => run.createdBy?.name ?? w("task_by_schedule") },
    ],
    { caption: "task_last_runs" },
  );
  table.show(runs);
  return table.element;
}

function buildSlots(slots) {
  const table = new Table(
    [
      { word: "task_slot", class: "short", cell: (slot) => time(slot.slot) },
      { word: "task_outcome", cell: (slot) => outcomeBadge(slot.outcome) },
      { word: "reason", cell: (slot) => slot.reason ?? "–" },
      { word: "task_last", cell: (slot) => (slot.execution ? h("a", { href: `/executions/${slot.execution.id}` }, stateBadge(slot.execution.state)) : "–") },
    ],
    { caption: "task_slots" },
  );
  table.show(slots);
  return table.element;
}
