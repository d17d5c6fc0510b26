// The dialog that runs a command on one server: the policy's word while one types, then the execution's page.

import { change } from "/console/ask.js";
import { h, w } from "/console/dom.js";
import { checkLive } from "/console/parts/command_check.js";
import { openDialog } from "/console/parts/dialog.js";
import { area, field, form, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { editSecrets, editVariables } from "/console/parts/variables.js";
import { go } from "/console/router.js";
import { WORDS } from "/console/words/executions.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const RUN = `mutation ($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { code message field } } }`;

// `server`: the id of the server that is chosen already; `note`: an element that says what the dialog does not know.
export function openRunDialog({ server = null, command: given = "", note = null } = {}) {
  const input = area({ rows: "4", required: true, oninput: () => verdict.ask() });
  input.value = given;
  const limit = text({ type: "number", min: "1", inputMode: "numeric" });
  const picker = new Picker("server", { id: server, attributes: { required: true }, onPick: () => verdict.ask() });
  const verdict = checkLive(() => ({ command: input.value, serverId: picker.id }));
  const [variables, secrets] = [editVariables(null), editSecrets(null)];
  async function run() {
    const serverId = (await picker.resolve()) ?? "";
    const limited = limit.value ? { timeoutSeconds: Number(limit.value) } : {};
    const { execution } = await change(RUN, { input: { serverId, command: input.value, ...limited, ...variables.read(), ...secrets.read() } });
    dialog.close();
    await go(`/executions/${execution.id}`);
  }
  const where = field("serverId", "server", picker.element, { about: "run_server_about" });
  where.append(picker.list);
  const asked = form(
    { submit: "run_start", work: run },
    where,
    field("command", "command", input),
    verdict.element,
    field("timeoutSeconds", "run_limit", limit, { about: "run_limit_about" }),
    h("details", {}, h("summary", {}, w("variables_title")), h("div", { class: "stack" }, variables.element, secrets.element)),
  );
  const dialog = openDialog(w("run_command"), ...(note ? [note] : []), asked);
  if (given) verdict.ask();
  (server ? input : picker.element).focus();
  return dialog;
}
