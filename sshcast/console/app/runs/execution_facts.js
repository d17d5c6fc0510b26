// What is known of one execution, as its page shows it above the log.

import { fill, h, put, w } from "/console/dom.js";
import { isFinal } from "/console/parts/state.js";
import { formatDuration, time } from "/console/parts/times.js";
import { WORDS } from "/console/words/execution.js";
import { WORDS as RUN_WORDS } from "/console/words/runs.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);
addWords(RUN_WORDS);

// How long it has run by now, or ran.
export function measureElapsed({ state, startTime, durationMs }) {
  if (durationMs !== null) return durationMs;
  return startTime && !isFinal(state) ? Math.max(0, Date.now() - new Date(startTime)) : null;
}

// Fills `place` with the facts of an execution.
export function showFacts(place, run) {
  const wasOpen = place.querySelector("details")?.open ?? false;
  const main = [
    ["server", linkTo("servers", run.server, run.serverId)],
    ["task", run.taskId && linkTo("tasks", run.task, run.taskId)],
    ["execution_fleet", run.fleetRun && h("a", { href: `/fleet-runs/${run.fleetRun.id}` }, run.fleetRun.id)],
    ["by", run.createdBy?.name],
    ["started", run.startTime && time(run.startTime)],
    ["duration", h("span", { class: "elapsed" }, formatDuration(measureElapsed(run)))],
    ["execution_exit", run.exitCode],
    ["execution_signal", run.exitSignal],
    ["reason", run.reason && run.reason !== "EXIT_STATUS" && w(`reason_${run.reason}`)],
    ["execution_waits", run.waiting && describeWaiting(run.waiting)],
  ];
  put(place, listFacts(main, "facts wide-facts"), describeEnd(run), showCommand(run.command), showFindings(run.findings), showMore(run, wasOpen));
}

function listFacts(facts, kind) {
  const shown = facts.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return h("dl", { class: kind }, shown.map(([name, value]) => h("div", {}, h("dt", {}, w(name)), h("dd", {}, typeof value === "number" ? String(value) : value))));
}

function linkTo(place, object, id) {
  if (!object) return null;
  return [h("a", { href: `/${place}/${id}` }, object.name), object.deletedAt && h("span", { class: "faint" }, " · ", w("execution_deleted"))];
}

function describeWaiting({ reason, position, until }) {
  return [
    w(`execution_wait_${reason}`),
    position !== null && ` · ${fill(word("execution_position"), { position })}`,
    until !== null && [" · ", w("execution_until"), " ", time(until)],
  ];
}

// The message of the end, and after a stop whether anything is left of it.
function describeEnd(run) {
  const isStopped = isFinal(run.state) && run.verifiedGone !== null;
  return h("div", { class: "why" },
    run.message && h("p", { class: "error" }, run.message),
    run.cancelRequestedAt && !isFinal(run.state) && h("p", { class: "faint" }, w("execution_cancelling")),
    isStopped && h("p", { class: run.verifiedGone ? "faint" : "error" }, w(run.verifiedGone ? "execution_gone" : "execution_not_gone")),
  );
}

function showCommand(command) {
  return h("pre", { class: "command mono", tabindex: "0", role: "region", label: "command" }, h("code", {}, command));
}

function showFindings(findings) {
  if (!findings.length) return null;
  const lines = findings.map(({ rule, message, text }) => h("li", {}, h("code", {}, rule), `: ${message} `, h("code", { class: "faint" }, text)));
  return h("section", { class: "findings" }, h("h3", {}, w("execution_findings")), h("ul", {}, lines));
}

function showMore(run, isOpen) {
  const facts = [
    ["execution_trigger", w(`trigger_${run.trigger}`)],
    ["created", time(run.createdAt)],
    ["ended_at", run.endTime && time(run.endTime)],
    ["execution_slot", run.slot && time(run.slot)],
    ["execution_attempt", run.attempt > 1 && run.attempt],
    ["execution_parameters", run.parameters.length > 0 && run.parameters.map(showParameter)],
    ["execution_dir", run.workingDir && h("code", {}, run.workingDir)],
    ["execution_env", run.envNames.length + run.secretEnv.length > 0 && h("code", {}, [...run.envNames, ...run.secretEnv.map(({ name }) => name)].join(" "))],
    ["execution_limit", formatDuration(run.timeoutSeconds * 1000)],
    ["execution_mode", run.mode?.toLowerCase()],
  ];
  return h("details", { open: isOpen }, h("summary", {}, w("execution_more")), listFacts(facts, "facts wide-facts"));
}

function showParameter({ name, value, secret }) {
  return h("div", {}, h("code", {}, name, "="), secret ? h("span", { class: "faint" }, w("execution_secret")) : h("code", {}, value));
}
