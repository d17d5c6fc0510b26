// The parts of a task's form that are lists: declared parameters with the values its schedule gives, and variables.

import { fill, h, w } from "/console/dom.js";
import { check, select, text } from "/console/parts/form.js";
import { RowEditor } from "/console/parts/rows.js";
import { word } from "/playground/words.js";

const TYPES = ["STRING", "INTEGER", "BOOLEAN", "CHOICE", "SECRET"];
const isOf = (...types) => (values) => types.includes(values.type);
const orNull = (value) => (value === "" ? null : value);
const number = () => h("input", { type: "number", step: "1" });

const PARAMETER_COLUMNS = [
  { key: "name", word: "name", make: () => text() },
  { key: "type", word: "parameter_type", make: () => select(TYPES.map((type) => [type, `parameter_${type}`])) },
  { key: "required", word: "parameter_required", make: () => check() },
  { key: "options", word: "parameter_options", make: () => text(), when: isOf("CHOICE") },
  { key: "pattern", word: "parameter_pattern", make: () => text(), when: isOf("STRING", "SECRET") },
  { key: "minimum", word: "parameter_minimum", make: number, when: isOf("INTEGER") },
  { key: "maximum", word: "parameter_maximum", make: number, when: isOf("INTEGER") },
  { key: "default", word: "parameter_default", make: () => text(), when: (values) => values.type !== "SECRET" && !values.required },
  { key: "scheduled", word: "parameter_scheduled", make: makeScheduled },
  { key: "description", word: "parameter_description", make: () => text(), wide: true },
];

// The service gives the default, too, as a value of the schedule.
const readScheduled = (parameter, given) => (given?.value === parameter.default ? null : given?.value ?? null);

function makeScheduled(row) {
  return row.isStored ? text({ placeholder: "parameter_stored" }) : text();
}

// `read()` gives { parameters, parameterValues }.
export function editParameters(task) {
  const values = new Map((task?.parameterValues ?? []).map((value) => [value.name, value]));
  const rows = (task?.parameters ?? []).map((parameter) => ({
    ...parameter,
    options: parameter.options.join(", "),
    scheduled: readScheduled(parameter, values.get(parameter.name)),
    isStored: values.get(parameter.name)?.secret ?? false,
  }));
  const editor = new RowEditor({
    name: "parameters",
    legend: "task_parameters",
    add: "task_add_parameter",
    about: w("task_parameters_about"),
    columns: PARAMETER_COLUMNS,
    rows,
  });
  return { element: editor.element, read: () => readParameters(editor.read()) };
}

function readParameters(rows) {
  return {
    parameters: rows.map((row) => ({
      name: row.name.trim(),
      type: row.type || "STRING",
      required: row.required,
      description: orNull(row.description),
      default: row.type === "SECRET" || row.required ? null : orNull(row.default),
      pattern: isOf("STRING", "SECRET")(row) ? orNull(row.pattern) : null,
      minimum: row.type === "INTEGER" && row.minimum !== "" ? Number(row.minimum) : null,
      maximum: row.type === "INTEGER" && row.maximum !== "" ? Number(row.maximum) : null,
      options: row.type === "CHOICE" ? splitList(row.options) : [],
    })),
    parameterValues: rows.filter((row) => row.scheduled !== "").map((row) => ({ name: row.name.trim(), value: row.scheduled })),
  };
}

export const splitList = (value) => value.split(",").map((each) => each.trim()).filter(Boolean);

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
