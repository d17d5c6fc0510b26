// The dialog that runs a command on one server: the policy's word while one types, then the execution's page.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { openDialog } from "/console/parts/dialog.js";
import { area, field, form, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { go } from "/console/router.js";
import { legible } from "/playground/answer.js";
import { addWords } from "/playground/words.js";
import { WORDS } from "/console/words/executions.js";

addWords(WORDS);

const QUIET_MS = 300;
const CHECK = `query ($command: String!, $server: ID) { checkCommand(command: $command, serverId: $server) {
  allowed findings { rule severity message line column text } errors { message } } }`;
const RUN = `mutation ($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { code message field } } }`;

// Shows what the command policy says of the command in `input` on the server of `picker`, whenever either changes.
export function showVerdict(input, getServer) {
  const place = h("div", { class: "verdict", role: "status" });
  let timer = 0;
  let asked = 0;
  async function check() {
    const mine = ++asked;
    const command = input.value;
    if (!command.trim()) return put(place);
    const { checkCommand } = await ask(CHECK, { command, server: getServer() }).catch(() => ({ checkCommand: null }));
    if (mine === asked && checkCommand) put(place, ...buildVerdict(checkCommand));
  }
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(check, QUIET_MS);
  };
  input.addEventListener("input", later);
  return { element: place, check: later };
}

function buildVerdict({ allowed, findings, errors }) {
  if (errors.length) return errors.map(({ message }) => h("p", { class: "faint" }, message));
  const kind = !allowed ? "refused" : findings.length ? "warned" : "allowed";
  const told = findings.map(({ rule, severity, message, line, text: part }) =>
    h("li", { class: severity.toLowerCase() }, legible(message), " ", h("code", {}, legible(part)), h("small", { class: "faint" }, ` ${rule} · `, w("run_line", { line }))),
  );
  return [h("p", { class: kind }, w(`run_${kind}`)), told.length > 0 && h("ul", {}, told)];
}

// `server`: the id of the server that is chosen already.
export function openRunDialog({ server = null, command: given = "" } = {}) {
  const input = area({ rows: "4", required: true });
  input.value = given;
  const limit = text({ type: "number", min: "1", inputMode: "numeric" });
  const picker = new Picker("server", { id: server, attributes: { required: true }, onPick: () => verdict.check() });
  const verdict = showVerdict(input, () => picker.id);
  const place = h("div", { class: "unseen" }, picker.list);
  async function run() {
    await picker.settle();
    const chosen = { serverId: picker.id ?? "", command: input.value, ...(limit.value ? { timeoutSeconds: Number(limit.value) } : {}) };
    const { execution } = await change(RUN, { input: chosen });
    dialog.close();
    await go(`/executions/${execution.id}`);
  }
  const asked = form(
    { submit: "run_start", work: run },
    field("serverId", "server", picker.element, { about: "run_server_about" }),
    field("command", "command", input),
    verdict.element,
    field("timeoutSeconds", "run_limit", limit, { about: "run_limit_about" }),
    place,
  );
  const dialog = openDialog(w("run_command"), asked);
  if (given) verdict.check();
  (server ? input : picker.element).focus();
  return dialog;
}
