// Tasks: what is scheduled, what came of it last, and the form of a new one.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { actionButton } from "/console/parts/guard.js";
import { filter, tags } from "/console/parts/labelled.js";
import { LiveRows, refreshOnEvents } from "/console/parts/live_rows.js";
import { select, text } from "/console/parts/form.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { buildTaskForm } from "/console/parts/task_form.js";
import { mayRun, RUNNABLE, runTask } from "/console/parts/task_run.js";
import { scheduleState, scheduleText, targetOf } from "/console/parts/task_state.js";
import { time } from "/console/parts/times.js";
import { debounce } from "/console/parts/debounce.js";
import { go, keepQuery } from "/console/router.js";
import { WORDS } from "/console/words/tasks.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const PAGE = 25;
const MOST = 100; // of one answer
const LIST = `query ($first: Int!, $after: String, $filter: TaskFilter) {
  tasks(first: $first, after: $after, filter: $filter, orderBy: {field: NAME}) {
    nodes { ${RUNNABLE.replace("viewerRole enabled", "id name viewerRole tags").replace("{ byIds }", "{ byIds nameContains tagsAll tagsAny tagsNone }")}
      enabled pausedAt pausedUntil cronExpr timezone nextRun latestExecution { id state createdAt } }
    pageInfo { hasNextPage endCursor } } }`;
const ENABLE = `mutation ($input: SetTaskEnabledInput!) { setTaskEnabled(input: $input) { errors { code message field } } }`;
const PAUSE = `mutation ($input: PauseTaskInput!) { pauseTask(input: $input) { errors { code message field } } }`;
const RESUME = `mutation ($input: ResumeTaskInput!) { resumeTask(input: $input) { errors { code message field } } }`;
const KINDS = ["TASK_CREATED", "TASK_UPDATED", "TASK_PAUSED", "TASK_RESUMED", "TASK_DELETED", "EXECUTION_CREATED", "EXECUTION_STARTED", "EXECUTION_ENDED"];

export async function open(place, { query, signal }) {
  if (query.has("new")) return openNew(place);
  const filters = { name: query.get("name") ?? "", tag: query.get("tag") ?? "", enabled: query.get("enabled") ?? "" };
  const list = new List(filters);
  put(place, buildHead(), buildFilters(filters, () => list.load()), list.element);
  await list.load();
  if (!signal.aborted) refreshOnEvents({ kinds: KINDS }, () => list.refresh(), signal);
}

function openNew(place) {
  const form = buildTaskForm(null, (id) => go(`/tasks/${id}`));
  put(place, h("div", { class: "head" }, h("h2", {}, w("task_new")), h("a", { class: "button", href: "/tasks" }, w("cancel"))), h("div", { class: "panel narrow" }, form));
}

const buildHead = () => h("div", { class: "head" }, h("h2", {}, w("tasks")), h("a", { class: "button primary", href: "/tasks?new=1" }, w("task_new")));

function buildFilters(filters, load) {
  const later = debounce(load);
  const set = (name) => (event) => {
    filters[name] = event.target.value.trim();
    keepQuery(filters);
    later();
  };
  const name = text({ type: "search", value: filters.name, oninput: set("name") });
  const tag = text({ value: filters.tag, oninput: set("tag") });
  const enabled = select([["", "all"], ["true", "task_on"], ["false", "task_off"]], { onchange: set("enabled") });
  enabled.value = filters.enabled;
  return h("div", { class: "filters", role: "search" }, filter("name", name), filter("task_tag", tag), filter("task_schedule", enabled));
}

class List {
  constructor(filters) {
    this.filters = filters;
    this.table = new Table(this.buildColumns(), { caption: "tasks" });
    this.rows = new LiveRows(this.table);
    this.more = actionButton("more", () => this.loadMore(), { hidden: true });
    this.element = h("div", { class: "stack" }, this.table.element, h("div", { class: "bar" }, this.more));
  }

  buildColumns() {
    return [
      { word: "name", cell: (task) => h("a", { href: `/tasks/${task.id}` }, task.name) },
      { word: "task_where", cell: (task) => h("span", {}, targetOf(task), task.server?.tags.length > 0 && [" ", tags(task.server.tags)]) },
      { word: "task_schedule", cell: (task) => h("span", { class: "stack tight" }, scheduleText(task), scheduleState(task)) },
      { word: "task_next", class: "short", cell: (task) => time(task.nextRun) },
      { word: "task_last", class: "short", cell: showLast },
      { word: "task_actions", class: "short", cell: (task) => this.buildActions(task) },
    ];
  }

  buildActions(task) {
    if (!mayRun(task)) return "–";
    const act = (mutation, input) => async () => {
      await change(mutation, { input: { id: task.id, ...input } });
      await this.refresh();
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

  async read(first, after = null) {
    const { name, tag, enabled } = this.filters;
    const filter = { nameContains: name || null, tagsAny: tag ? [tag] : null, enabled: enabled ? enabled === "true" : null };
    const { tasks } = await ask(LIST, { first, after, filter });
    return tasks;
  }

  keepPage({ pageInfo }) {
    this.end = pageInfo.endCursor;
    this.more.hidden = !pageInfo.hasNextPage;
  }

  async load() {
    const page = await this.read(PAGE);
    this.rows.show(page.nodes);
    this.keepPage(page);
  }

  async loadMore() {
    const page = await this.read(PAGE, this.end);
    this.rows.append(page.nodes);
    this.keepPage(page);
  }

  // Reads what is shown again: as one page, so a list that has been read on beyond the largest page stays as it is below.
  async refresh() {
    if (this.rows.size > MOST) return;
    const page = await this.read(Math.max(PAGE, this.rows.size));
    this.rows.show(page.nodes);
    this.keepPage(page);
  }
}

function showLast({ latestExecution: run }) {
  return run ? h("span", { class: "stack tight" }, h("a", { href: `/executions/${run.id}` }, stateBadge(run.state)), time(run.createdAt)) : "–";
}
