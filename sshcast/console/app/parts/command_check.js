// Says beside a command, while it is typed, whether the command policy would accept it.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { WORDS } from "/console/words/fields.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const CHECK = `query ($command: String!, $serverId: ID, $taskId: ID, $workingDir: String) {
  checkCommand(command: $command, serverId: $serverId, taskId: $taskId, workingDir: $workingDir) {
    allowed findings { rule severity message text line column } errors { message } } }`;

// `read()` gives { command, serverId, taskId, workingDir }. Call `ask()` of what is returned when one of them may have changed.
export function checkLive(read) {
  const element = h("div", { class: "policy-verdict", role: "status" });
  const look = debounce(async (isLast) => {
    const asked = read();
    if (!asked.command.trim()) return put(element);
    try {
      const { checkCommand } = await ask(CHECK, asked);
      if (isLast()) showVerdict(element, checkCommand);
    } catch (error) {
      if (isLast()) put(element, h("p", { class: "error" }, error.message));
    }
  });
  return { element, ask: look };
}

function showVerdict(element, { allowed, findings, errors }) {
  if (allowed === null) return put(element, h("p", { class: "error" }, errors.map((error) => error.message).join("\n")));
  const verdict = h("p", { class: allowed ? "policy-yes" : "policy-no" }, w(allowed ? "check_allowed" : "check_refused"));
  const list = findings.map((finding) =>
    h("li", {}, h("code", {}, finding.rule), ": ", finding.message, " ", h("code", { class: "faint" }, `${finding.line}:${finding.column} ${finding.text}`)),
  );
  put(element, verdict, list.length > 0 && h("ul", {}, list));
}
