// Tasks: what is scheduled, what came of it last, and the form of a new one.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { refreshOnEvents } from "/console/parts/follow.js";
import { actionButton } from "/console/parts/guard.js";
import { tags } from "/console/parts/labelled.js";
import { buildFilters, List, readFilters, toFilter } from "/console/parts/list.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { go } from "/console/router.js";
import { buildTaskForm } from "/console/tasks/form.js";
import { mayRun, RUNNABLE, runTask } from "/console/tasks/run.js";
import { scheduleState, scheduleText, targetOf } from "/console/tasks/state.js";
import { WORDS } from "/console/words/tasks.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const FILTERS = { tag: "task_tag", enabled: "task_schedule", on: "task_on", off: "task_off" };
const LIST = `query ($first: Int!, $after: String, $filter: TaskFilter) {
  tasks(first: $first, after: $after, filter: $filter, orderBy: {field: NAME}) {
    nodes { ${RUNNABLE.replace("viewerRole enabled", "id name viewerRole tags").replace("{ byIds }", "{ byIds nameContains tagsAll tagsAny tagsNone }")}
      enabled pausedAt pausedUntil scheduleMode cronExpr timezone nextRun latestExecution { id state createdAt } }
    pageInfo { hasNextPage endCursor } } }`;
const ENABLE = `mutation ($input: SetTaskEnabledInput!) { setTaskEnabled(input: $input) { errors { code message field } } }`;
const PAUSE = `mutation ($input: PauseTaskInput!) { pauseTask(input: $input) { errors { code message field } } }`;
const RESUME = `mutation ($input: ResumeTaskInput!) { resumeTask(input: $input) { errors { code message field } } }`;
const KINDS = ["TASK_CREATED", "TASK_UPDATED", "TASK_PAUSED", "TASK_RESUMED", "TASK_DELETED", "EXECUTION_CREATED", "EXECUTION_STARTED", "EXECUTION_ENDED"];

export async function open(place, { query, signal }) {
  if (query.has("new")) return openNew(place);
  const filters = readFilters(query);
  const list = buildList(filters);
  put(place, buildHead(), buildFilters(filters, FILTERS, () => list.load()), list.element);
  await list.load();
  if (!signal.aborted) refreshOnEvents({ kinds: KINDS }, () => list.refresh(), signal);
}

function openNew(place) {
  const form = buildTaskForm(null, (id) => go(`/tasks/${id}`));
  put(place, h("div", { class: "head" }, h("h2", {}, w("task_new")), h("a", { class: "button", href: "/tasks" }, w("cancel"))), h("div", { class: "panel narrow" }, form));
}

const buildHead = () => h("div", { class: "head" }, h("h2", {}, w("tasks")), h("a", { class: "button primary", href: "/tasks?new=1" }, w("task_new")));

function buildList(filters) {
  const columns = [
    { word: "name", cell: (task) => h("a", { href: `/tasks/${task.id}` }, task.name) },
    { word: "task_where", cell: (task) => h("span", {}, targetOf(task), task.server?.tags.length > 0 && [" ", tags(task.server.tags)]) },
    { word: "task_schedule", cell: (task) => h("span", { class: "stack tight" }, scheduleText(task), scheduleState(task)) },
    { word: "task_next", class: "short", cell: (task) => time(task.nextRun) },
    { word: "task_last", class: "short", cell: showLast },
    { word: "task_actions", class: "short", cell: (task) => buildActions(task, () => list.refresh()) },
  ];
  const read = async (first, after) => (await ask(LIST, { first, after, filter: toFilter(filters) })).tasks;
  const list = new List(new Table(columns, { caption: "tasks" }), read);
  return list;
}

function buildActions(task, refresh) {
  if (!mayRun(task)) return "–";
  const act = (mutation, input) => async () => {
    await change(mutation, { input: { id: task.id, ...input } });
    await refresh();
  };
  const pause = task.pausedAt ? actionButton("task_resume", act(RESUME, {})) : actionButton("task_pause", act(PAUSE, {}));
  return h(
    "div",
    { class: "bar together" },
    actionButton("task_run", () => runTask(task)),
    task.enabled && task.cronExpr !== "@manual" && pause,
    !task.enabled && actionButton("task_enable", act(ENABLE, { enabled: true })),
  );
}

function showLast({ latestExecution: run }) {
  return run ? h("span", { class: "stack tight" }, h("a", { href: `/executions/${run.id}` }, stateBadge(run.state)), time(run.createdAt)) : "–";
}
