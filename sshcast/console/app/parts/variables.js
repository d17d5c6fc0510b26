// Environment variables of a task or of a command, plain and secret, as rows of a form.

import { fill, h, w } from "/console/dom.js";
import { check, text } from "/console/parts/form.js";
import { RowEditor } from "/console/parts/row_editor.js";
import { WORDS } from "/console/words/variables.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);

const orNull = (value) => (value === "" ? null : value);

const VARIABLE_COLUMNS = [
  { key: "name", word: "name", make: () => text() },
  { key: "value", word: "variable_value", make: () => text(), wide: true },
];

// `read()` gives { env }, or nothing where a task's variables are to stay: the service shows their names only.
export function editVariables(task) {
  const about = task?.envNames.length ? h("span", {}, fill(word("variables_set"), { names: task.envNames.join(", ") })) : w("variables_about");
  const editor = new RowEditor({ name: "env", legend: "task_env", add: "task_add_variable", about, columns: VARIABLE_COLUMNS });
  const replaces = check({ id: "replace-env" });
  if (task?.envNames.length) editor.list.before(h("label", { class: "inline" }, replaces, w("variables_replace")));
  const isGiven = () => !task?.envNames.length || replaces.checked;
  const read = () => (isGiven() ? { env: editor.read().map(({ name, value }) => ({ name: name.trim(), value })) } : {});
  return { element: editor.element, read };
}

const SECRET_COLUMNS = [
  { key: "name", word: "name", make: () => text() },
  { key: "secret", word: "secret_of_name", make: () => text(), when: (row) => !row.value },
  { key: "value", word: "secret_or_value", make: makeSecretValue, when: (row) => !row.secret },
];

function makeSecretValue(row) {
  const isKept = row.name && !row.secret;
  return h("input", { type: "password", autocomplete: "new-password", ...(isKept ? { placeholder: "parameter_stored" } : {}) });
}

// `read()` gives { secretEnv }; a row with neither a value nor a secret keeps what the task has under that name.
export function editSecrets(task) {
  const editor = new RowEditor({
    name: "secretEnv",
    legend: "task_secret_env",
    add: "task_add_secret",
    about: w("task_secret_env_about"),
    columns: SECRET_COLUMNS,
    rows: task?.secretEnv ?? [],
  });
  const read = () => ({ secretEnv: editor.read().map(({ name, secret, value }) => ({ name: name.trim(), secret: orNull(secret.trim()), value: orNull(value) })) });
  return { element: editor.element, read };
}
