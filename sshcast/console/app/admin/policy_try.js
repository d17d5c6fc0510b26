// Tries a command: what the command policy says of it, with the places in the command that it means.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { area, field } from "/console/parts/form.js";
import { panel } from "/console/parts/labelled.js";
import { legible } from "/playground/answer.js";

const CHECK = `query ($command: String!, $serverId: ID, $taskId: ID) { checkCommand(command: $command, serverId: $serverId, taskId: $taskId) {
  allowed policyVersion findings { rule severity message line column start end text via } errors { message } } }`;

// `place` is { serverId, taskId }, one of them or none.
export function buildTry(place) {
  const command = area({ rows: "4" });
  const verdict = h("div", { class: "verdict stack", role: "status" });
  const look = debounce(async (isLast) => {
    if (!command.value.trim()) return put(verdict);
    const said = await ask(CHECK, { command: command.value, ...place }).then(({ checkCommand }) => checkCommand, (error) => ({ allowed: null, errors: [error] }));
    if (isLast()) put(verdict, showVerdict(command.value, said));
  });
  command.addEventListener("input", look);
  return panel("policies_try", field("command", "command", command, { about: "policies_try_about" }), verdict);
}

function showVerdict(command, { allowed, errors, findings, policyVersion }) {
  if (allowed === null) return h("p", { class: "error" }, errors.map((error) => error.message).join("\n"));
  const said = allowed ? (findings.length ? "policies_accepted_warned" : "policies_accepted") : "policies_refused";
  const marked = h("pre", { class: "command", tabindex: "0", role: "group", label: "policies_marked" }, mark(command, findings));
  return [
    h("p", { class: `state ${allowed ? "success" : "failed"}` }, w(said)),
    findings.length > 0 && marked,
    findings.length > 0 && h("ul", { class: "findings" }, findings.map(showFinding)),
    h("p", { class: "faint" }, w("policies_version", { version: policyVersion })),
  ];
}

function showFinding({ rule, severity, message, line, column, via }) {
  const where = [w("policies_place", { line, column }), via.length > 0 && [" · ", w("policies_via", { via: via.map(legible).join(" → ") })]];
  const isRefused = severity === "DENY";
  return h("li", {}, h("p", {}, h("b", { class: isRefused ? "error" : "warned" }, w(`policies_${severity}`)), " ", h("code", {}, rule), " ", h("span", { class: "faint" }, where)), h("p", {}, legible(message)));
}

// The command in pieces: those that a finding means are marked. Places are counted in characters, not in UTF-16 units.
function mark(command, findings) {
  const characters = [...command];
  const cuts = [...new Set([0, characters.length, ...findings.flatMap(({ start, end }) => [start, end])])].filter((at) => at <= characters.length).sort((a, b) => a - b);
  return cuts.slice(0, -1).map((from, index) => {
    const text = legible(characters.slice(from, cuts[index + 1]).join(""));
    const here = findings.filter(({ start, end }) => start <= from && from < end);
    if (!here.length) return text;
    const isRefused = here.some(({ severity }) => severity === "DENY");
    return h("mark", { class: isRefused ? "deny" : "warn", title: here.map(({ rule }) => rule).join(", ") }, text);
  });
}
