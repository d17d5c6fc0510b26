// What may be done with the run that the playground is about: watch its output, open its page, cancel it.

import { legible } from "/playground/answer.js";
import { request } from "/playground/client.js";
import { showNotice } from "/playground/notice.js";
import { word } from "/playground/words.js";

const FINAL = ["SUCCESS", "FAILED", "TIMEOUT", "CANCELLED", "LOST"];
const RUN_WATCHED = /executionOutput\s*\([^)]*executionId:\s*(?:\$(\w+)|"?(\d+))/;
const CANCEL = `mutation CancelExecution($id: ID!) {
  cancelExecution(input: {id: $id}) { execution { id state } errors { code message } }
}`;
const byId = (id) => document.getElementById(id);

// The id of the run whose output a document watches; null if it watches something else.
export function findWatchedRun({ query, variables }) {
  const [, name, id] = RUN_WATCHED.exec(query) ?? [];
  return id ?? variables[name] ?? null;
}

// The run that an answer tells of: one that a mutation started, or `execution` of a query.
export function findRun(data) {
  for (const [name, value] of Object.entries(data ?? {})) {
    const run = value?.execution ?? (name === "execution" ? value : null);
    if (run?.id !== undefined) return { id: String(run.id), over: FINAL.includes(run.state) };
  }
  return null;
}

export class RunActions {
  // `onWatch` and `onCancelled` get the run's id, the latter with the errors of the service too.
  constructor({ onWatch, onCancelled }) {
    Object.assign(this, { id: null, onCancelled });
    byId("watch-run").onclick = () => onWatch(this.id);
    byId("cancel").onclick = () => this.ask();
    byId("cancel-no").onclick = () => byId("cancel-dialog").close();
    byId("cancel-yes").onclick = () => this.cancel();
  }

  hide() {
    this.id = null;
    byId("run-actions").hidden = true;
  }

  // `watching`: its output is being shown now. `over`: it has ended, so that nothing is left to cancel.
  show(id, { watching = false, over = false } = {}) {
    this.id = id;
    byId("run-name").textContent = `#${id}`;
    byId("open-run").href = `/executions/${encodeURIComponent(id)}`;
    byId("watch-run").hidden = watching;
    byId("cancel").hidden = over;
    byId("run-actions").hidden = false;
  }

  ask() {
    byId("cancel-title").textContent = word("cancel_title").replace("{id}", this.id);
    byId("cancel-dialog").showModal();
    byId("cancel-no").focus();
  }

  async cancel() {
    const id = this.id;
    byId("cancel-dialog").close();
    byId("cancel").disabled = true;
    try {
      const { data, errors } = await request({ query: CANCEL, variables: { id } });
      const refused = [...(errors ?? []), ...(data?.cancelExecution?.errors ?? [])];
      if (refused.length) showNotice(legible(refused.map(({ message }) => message).join(" ")));
      else this.onCancelled(data.cancelExecution.execution);
    } catch (error) {
      showNotice(error.message);
    } finally {
      byId("cancel").disabled = false;
    }
  }
}
