// One execution: its facts, what can be done with it, and its log.

import { ask, change } from "/console/ask.js";
import { fill, h, put, w } from "/console/dom.js";
import { LogView } from "/console/log/view.js";
import { copyText } from "/console/log/take.js";
import { confirmed } from "/console/parts/dialog.js";
import { measureElapsed, showFacts } from "/console/runs/execution_facts.js";
import { FACTS } from "/console/runs/execution_fields.js";
import { follow, pace, repeat, takeCursor } from "/console/parts/follow.js";
import { isFinal, stateBadge } from "/console/parts/state.js";
import { formatDuration } from "/console/parts/times.js";
import { go } from "/console/router.js";
import { word } from "/playground/words.js";

const READ = `query ($id: ID!) { execution(id: $id) { ${FACTS} } }`;
const EVENTS = "subscription ($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) { cursor kind } }";
const CANCEL = "mutation ($input: CancelExecutionInput!) { cancelExecution(input: $input) { execution { id } errors { message code field } } }";
const RUN_TASK = "mutation ($input: RunTaskInput!) { runTask(input: $input) { execution { id } errors { message code field } } }";
const RUN_COMMAND = "mutation ($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { message code field } } }";
const WAITING_MS = 3000;

export async function open(place, { params, signal }) {
  const page = new ExecutionPage(params.id, signal);
  place.classList.add("wide", "execution");
  put(place, page.element, page.log.element);
  document.title = `${fill(word("execution_title"), params)} · sshcast`;
  const isThere = await page.log.start();
  if (signal.aborted) return;
  if (!isThere) return put(place, h("p", { class: "empty" }, w("execution_none")));
  const after = await takeCursor();
  if (signal.aborted) return;
  const refresh = pace(() => page.read(), 300, signal);
  page.refresh = refresh;
  follow(EVENTS, { filter: { executionId: params.id } }, { after, signal, onEvent: refresh, onGap: refresh });
  repeat(() => page.tick(), 1000, signal);
  repeat(() => page.run.state === "PENDING" && refresh(), WAITING_MS, signal);
  refresh(); // what happened between the two answers
}

class ExecutionPage {
  constructor(id, signal) {
    this.id = id;
    this.refresh = () => {};
    this.state = h("span", { role: "status" });
    this.cancel = h("button", { type: "button", class: "danger", data: { act: "cancel" }, onclick: () => this.askToCancel() }, w("execution_cancel"));
    this.again = h("button", { type: "button", data: { act: "again" }, onclick: () => this.runAgain() }, w("execution_again"));
    const link = h("button", { type: "button", data: { act: "link" }, onclick: () => this.copyLink() }, w("execution_copy_link"));
    this.news = h("p", { class: "news faint", role: "status" });
    this.facts = h("div", { class: "stack" });
    const head = h("div", { class: "head" }, h("h2", {}, w("execution_title", { id })), this.state, this.cancel, this.again, link);
    this.element = h("section", { class: "panel facts-panel" }, head, this.news, this.facts);
    // The facts come with the log's first answer; what changes is read anew.
    const selection = FACTS;
    this.log = new LogView({ executionId: id, signal, selection, onFacts: (run) => this.show(run), onEnd: () => this.refresh() });
  }

  async read() {
    const { execution } = await ask(READ, { id: this.id });
    if (!execution) return;
    const text = JSON.stringify(execution);
    if (text !== this.text) this.show(execution);
    this.text = text;
  }

  show(run) {
    if (this.run?.state !== run.state) put(this.state, stateBadge(run.state));
    this.run = run;
    const mayRun = ["OPERATOR", "ADMIN"].includes(run.server?.viewerRole);
    this.cancel.hidden = isFinal(run.state) || !mayRun;
    this.cancel.disabled = run.cancelRequestedAt !== null;
    this.refusal = findRefusal(run);
    this.again.hidden = !mayRun;
    this.again.disabled = this.refusal !== null && !mayPrefill(run, this.refusal);
    this.again.title = this.refusal ? word(this.refusal) : "";
    put(this.again, w(this.refusal && !this.again.disabled ? "execution_again_asking" : "execution_again"));
    showFacts(this.facts, run);
  }

  tick() {
    const elapsed = this.facts.querySelector(".elapsed");
    if (elapsed && !isFinal(this.run.state)) elapsed.textContent = formatDuration(measureElapsed(this.run));
  }

  tell(...parts) {
    put(this.news, ...parts);
  }

  async askToCancel() {
    if (!(await confirmed(fill(word("execution_cancel_sure"), { id: this.id })))) return;
    await this.attempt(() => change(CANCEL, { input: { id: this.id } }));
    await this.refresh();
  }

  // A run whose environment, input or secrets are not kept cannot be repeated: the dialog has what is kept of it.
  async runAgain() {
    const { run } = this;
    if (this.refusal) return this.askToRun();
    await this.attempt(async () => {
      const [query, input] = run.taskId ? [RUN_TASK, buildTaskInput(run)] : [RUN_COMMAND, buildCommandInput(run)];
      const { execution } = await change(query, { input });
      await go(`/executions/${execution.id}`);
    });
  }

  async askToRun() {
    const { openRunDialog } = await import("/console/runs/dialog.js");
    const { serverId: server, command } = this.run;
    openRunDialog({ server, command, note: h("p", { class: "faint" }, w("execution_again_anew")) });
  }

  async copyLink() {
    await this.attempt(async () => {
      await copyText(location.href);
      this.tell(w("execution_link_copied"));
    });
  }

  async attempt(work) {
    this.tell();
    try {
      await work();
    } catch (error) {
      this.tell(h("span", { class: "error" }, error.message));
    }
  }
}

// Why it cannot be run again as it was: the word for it, or null.
function findRefusal(run) {
  const isGone = !run.server || run.server.deletedAt || (run.taskId && (!run.task || run.task.deletedAt));
  if (isGone) return "execution_again_gone";
  const hasSecrets = run.parameters.some(({ secret }) => secret);
  const hasValues = !run.taskId && (run.envNames.length > 0 || run.secretEnv.length > 0 || run.stdinBytes !== null);
  return hasSecrets || hasValues ? "execution_again_not" : null;
}

// Whether the dialog for a command can begin with it: a run of a task has its values from the task's page.
const mayPrefill = (run, refusal) => refusal === "execution_again_not" && !run.taskId;

const buildTaskInput = ({ taskId, parameters }) => ({ taskId, parameters: parameters.map(({ name, value }) => ({ name, value })) });

function buildCommandInput({ serverId, command, workingDir, timeoutSeconds, outputLimitBytes, onOutputLimit, mergeStreams }) {
  return { serverId, command, workingDir, timeoutSeconds, outputLimitBytes, onOutputLimit, mergeStreams };
}
