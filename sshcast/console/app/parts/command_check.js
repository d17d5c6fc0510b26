// Says beside a command, while it is typed, whether the command policy would accept it.

import { h, w } from "/console/dom.js";
import { answerLive } from "/console/parts/debounce.js";
import { WORDS } from "/console/words/fields.js";
import { legible } from "/playground/answer.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const CHECK = `query ($command: String!, $serverId: ID, $taskId: ID, $workingDir: String) {
  checkCommand(command: $command, serverId: $serverId, taskId: $taskId, workingDir: $workingDir) {
    allowed findings { rule severity message text line column } errors { message } } }`;

// `read()` gives { command, serverId, taskId, workingDir }. Call `ask()` of what is returned when one of them may have changed.
export function checkLive(read) {
  const readAsked = () => {
    const asked = read();
    return asked.command.trim() ? asked : null;
  };
  return answerLive("verdict", { query: CHECK, read: readAsked, build: ({ checkCommand }) => buildVerdict(checkCommand) });
}

function buildVerdict({ allowed, findings, errors }) {
  if (allowed === null || errors.length) return errors.map(({ message }) => h("p", { class: "faint" }, message));
  const kind = !allowed ? "refused" : findings.length ? "warned" : "allowed";
  const list = findings.map(({ rule, severity, message, line, column, text }) =>
    h("li", { class: severity.toLowerCase() }, legible(message), " ", h("code", {}, legible(text)), h("small", { class: "faint" }, ` ${rule} · `, w("check_place", { line, column }))),
  );
  return [h("p", { class: kind }, w(`check_${kind}`)), list.length > 0 && h("ul", {}, list)];
}
