// How lists show executions: what they ask for, the columns, and the time that one takes while it runs.

import { h, w } from "/console/dom.js";
import { isFinal, stateBadge } from "/console/parts/state.js";
import { formatDuration, time } from "/console/parts/times.js";
import { legible } from "/playground/answer.js";
import { addWords, word } from "/playground/words.js";
import { repeat } from "/console/parts/follow.js";
import { WORDS } from "/console/words/runs.js";

addWords(WORDS);

export const ROW = `fragment Row on TaskExecution {
  id state reason exitCode command createdAt startTime endTime durationMs trigger
  server { id name } task { id name } createdBy { name } fleetRun { id }
}`;

export function command(text) {
  return h("code", { class: "clip", title: text.length > 80 ? legible(text) : null }, legible(text));
}

export function link(href, text) {
  return h("a", { href }, legible(text));
}

// "exit 3" or the reason's own words; nothing for a success, nor where the state says the same.
export function reasonOf({ state, reason, exitCode }) {
  if (!reason || state === "SUCCESS" || reason === state) return null;
  return reason === "EXIT_STATUS" ? `${word("reason_EXIT_STATUS")} ${exitCode}` : word(`reason_${reason}`);
}

export function state(run) {
  const why = reasonOf(run);
  return h("span", { class: "outcome" }, stateBadge(run.state), why && h("small", { class: "faint" }, why));
}

// What an execution took; of one that runs, what it takes so far.
export function duration(run) {
  if (isFinal(run.state)) return formatDuration(run.durationMs);
  if (!run.startTime) return "–";
  return h("span", { class: "elapsed", data: { since: run.startTime } }, formatElapsed(run.startTime));
}

const formatElapsed = (since) => formatDuration(Math.max(0, Date.now() - new Date(since)));

export function keepElapsed(place, signal) {
  const show = () => {
    for (const each of place.querySelectorAll(".elapsed")) each.textContent = formatElapsed(each.dataset.since);
  };
  repeat(show, 1000, signal);
}

// The task, if any, and the command; whoever started it, or what did. One element each: a cell is a grid on a narrow screen.
export function buildWork(run) {
  return h("div", {}, run.task && h("div", {}, link(`/tasks/${run.task.id}`, run.task.name)), command(run.command));
}

function buildStarter({ createdBy, trigger, fleetRun }) {
  const fleet = fleetRun && h("div", { class: "short" }, link(`/fleet-runs/${fleetRun.id}`, `${word("run_fleet")} ${fleetRun.id}`));
  return h("div", {}, legible(createdBy?.name ?? word(`trigger_${trigger}`)), fleet);
}

export const COLUMNS = [
  { word: "run_number", class: "number", cell: (run) => h("a", { href: `/executions/${run.id}`, "aria-label": `${word("run_number")} ${run.id}` }, run.id) },
  { word: "state", class: "short", cell: state },
  { word: "server", class: "name", cell: (run) => (run.server ? link(`/servers/${run.server.id}`, run.server.name) : w("run_gone")) },
  { word: "run_what", cell: buildWork },
  { word: "by", class: "name", cell: buildStarter },
  { word: "created", class: "short", cell: (run) => time(run.createdAt) },
  { word: "duration", class: "number", cell: duration },
];
