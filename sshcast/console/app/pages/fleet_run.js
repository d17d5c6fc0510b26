// One fleet run, live: how far it is, a tile for each server, and its answers in groups.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { FleetGrid } from "/console/fleets/grid.js";
import { FleetGroups } from "/console/fleets/groups.js";
import { openRetryDialog } from "/console/fleets/retry.js";
import { buildFleetState, COUNTS, countParts } from "/console/fleets/state.js";
import { drawProgress } from "/console/parts/chart.js";
import { confirmed } from "/console/parts/dialog.js";
import { buildLive, follow, pace, takeCursor } from "/console/parts/follow.js";
import { time } from "/console/parts/times.js";
import { mayUse } from "/console/router.js";
import { link } from "/console/runs/rows.js";
import { legible } from "/playground/answer.js";
import { word } from "/playground/words.js";

const PACE_MS = 700;
const GROUPS_PACE_MS = 2500;
const RUN = `query ($id: ID!) { fleetRun(id: $id) { id state reason command trigger createdAt endTime nextStartAt slot pauseSeconds onRefused
  cancelRequestedAt cancelledBy { name } createdBy { name } task { id name } retryOf { id }
  batchSize { number percent } stopAfter { number percent } counts { ${COUNTS} } } }`;
const EVENTS = `subscription ($id: ID!, $after: String) { fleetRunEvents(id: $id, after: $after) { cursor kind
  ... on ExecutionEvent { executionId state reason execution { serverId exitCode } } } }`;
const CANCEL = "mutation ($id: ID!) { cancelFleetRun(input: {id: $id}) { fleetRun { id } errors { code message field } } }";

export async function open(place, { params: { id }, signal }) {
  const after = await takeCursor();
  const { fleetRun: run } = await ask(RUN, { id });
  if (!run) return put(place, h("p", { class: "empty" }, w("fleet_gone")));
  const page = new FleetPage(id, run);
  document.title = `${word("fleet_title")} ${id} · sshcast`;
  put(place, ...page.parts);
  const read = Promise.all([page.grid.load(signal), page.groups.load()]);
  if (run.state !== "RUNNING") return read;
  const refresh = pace(() => page.refresh(), PACE_MS, signal);
  const regroup = pace(() => page.groups.refresh(), GROUPS_PACE_MS, signal);
  const take = (event) => {
    if (event.execution) page.grid.update(event);
    refresh();
    regroup();
  };
  const reread = () => Promise.all([page.refresh(), page.grid.load(signal), page.groups.load()]);
  const finish = () => reread().then(() => put(page.live.element), () => {});
  await read; // an event does not overtake the page that holds its server as it was
  follow(EVENTS, { id }, { after, signal, onEvent: take, onGap: reread, onComplete: finish, onState: page.live.show });
}

class FleetPage {
  constructor(id, run) {
    this.id = id;
    this.live = buildLive();
    this.state = h("span");
    this.actions = h("span", { class: "bar" });
    this.error = h("p", { class: "error", role: "alert" });
    this.bar = h("div", { class: "progress" });
    this.tallies = h("p", { class: "tallies" });
    this.facts = h("dl", { class: "facts" });
    this.grid = new FleetGrid(id);
    this.groups = new FleetGroups(id);
    const head = h("div", { class: "head" }, h("h2", {}, w("fleet_title"), ` ${id}`), this.live.element, this.actions);
    const about = h("section", { class: "panel" }, h("p", { class: "tallies" }, this.state), h("pre", { class: "answer", tabIndex: 0, label: "command", role: "region" }, legible(run.command)), this.bar, this.tallies, this.facts);
    this.parts = [head, this.error, about, this.grid.element, this.groups.element];
    this.show(run);
  }

  async refresh() {
    const { fleetRun } = await ask(RUN, { id: this.id });
    if (fleetRun) this.show(fleetRun);
  }

  show(run) {
    const state = `${run.state} ${run.cancelRequestedAt}`;
    put(this.state, buildFleetState(run));
    drawProgress(this.bar, countParts(run.counts), run.counts.size);
    put(this.tallies, countParts(run.counts).filter(({ value }) => value).map(({ word: name, value }) => h("span", {}, h("b", {}, value), " ", w(name))), run.nextStartAt && h("span", {}, w("fleet_next"), " ", time(run.nextStartAt)));
    put(this.facts, buildFacts(run));
    if (state === this.shown) return;
    this.shown = state;
    put(this.actions, this.buildActions(run));
  }

  buildActions({ state, counts, cancelRequestedAt }) {
    const toRuns = h("a", { class: "button", href: `/executions?fleet=${this.id}` }, w("executions"));
    if (!mayUse("OPERATOR")) return [toRuns];
    if (state === "RUNNING") return [toRuns, h("button", { type: "button", class: "danger", disabled: Boolean(cancelRequestedAt), onclick: () => this.cancel() }, w("fleet_cancel"))];
    if (counts.success === counts.size) return [toRuns];
    return [toRuns, h("button", { type: "button", onclick: () => openRetryDialog(this.id) }, w("fleet_retry"))];
  }

  async cancel() {
    if (!(await confirmed(word("fleet_cancel_about"), "fleet_cancel"))) return;
    try {
      put(this.error);
      await change(CANCEL, { id: this.id });
      await this.refresh();
    } catch (error) {
      put(this.error, error.message);
    }
  }
}

const amount = (value, unit) => (value.percent !== null ? `${value.percent} %` : `${value.number} ${word(unit)}`);

function buildFacts(run) {
  const facts = [
    ["task", run.task && link(`/tasks/${run.task.id}`, run.task.name)],
    ["by", legible(run.createdBy?.name ?? word(`trigger_${run.trigger}`))],
    ["created", time(run.createdAt)],
    ["ended_at", run.endTime && time(run.endTime)],
    ["fleet_batch", run.batchSize && amount(run.batchSize, "fleet_servers")],
    ["fleet_pause", run.pauseSeconds > 0 && String(run.pauseSeconds)],
    ["fleet_stop_after", run.stopAfter && amount(run.stopAfter, "fleet_failures")],
    ["fleet_cancelled_by", run.cancelledBy && legible(run.cancelledBy.name)],
    ["fleet_retry_of", run.retryOf && h("a", { href: `/fleet-runs/${run.retryOf.id}` }, run.retryOf.id)],
  ];
  return facts.filter(([, shown]) => shown).map(([name, shown]) => [h("dt", {}, w(name)), h("dd", {}, shown)]);
}
