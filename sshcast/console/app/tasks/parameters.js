// The part of a task's form that declares parameters, with the values that its schedule gives.

import { h, w } from "/console/dom.js";
import { check, select, splitList, text } from "/console/parts/form.js";
import { RowEditor } from "/console/parts/row_editor.js";

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
