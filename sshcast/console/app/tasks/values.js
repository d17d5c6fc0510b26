// The fields for the values of a task's parameters, as a run of it is given them.

import { h } from "/console/dom.js";
import { field, fillControl, select, text } from "/console/parts/form.js";
import { WORDS } from "/console/words/tasks.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

// What one has to know of the parameters of a task.
export const PARAMETERS = "parameters { name type required description default minimum maximum options }";

// `fields` are elements; `read()` gives [{ name, value }]. What is left empty is not sent, so that the parameter's default holds.
export function editValues(parameters) {
  const controls = parameters.map((parameter) => ({ parameter, control: makeControl(parameter) }));
  const read = () => controls.filter(({ control }) => control.value !== "").map(({ parameter, control }) => ({ name: parameter.name, value: control.value }));
  return { fields: controls.map(({ parameter, control }) => buildField(parameter, control)), read };
}

function buildField(parameter, control) {
  const box = field(parameter.name, parameter.required ? "parameter_needed" : "parameter_optional", control);
  box.dataset.list = "parameters";
  box.querySelector("label").prepend(h("code", {}, parameter.name), " ");
  if (parameter.description) control.before(h("small", {}, parameter.description));
  return box;
}

// The control that fits the type.
function makeControl({ type, options, default: value, minimum, maximum, required }) {
  const given = { required: required ? true : null };
  const none = required ? [] : [["", value === null ? "parameter_unset" : "parameter_use_default"]];
  if (type === "CHOICE") return fillControl(select([...none, ...options.map((each) => [each, document.createTextNode(each)])], given), value);
  if (type === "BOOLEAN") return fillControl(select([...none, ["true", "yes"], ["false", "no"]], given), value);
  if (type === "INTEGER") return fillControl(h("input", { type: "number", step: "1", min: minimum?.toString(), max: maximum?.toString(), ...given }), value);
  if (type === "SECRET") return h("input", { type: "password", autocomplete: "off", ...given });
  return fillControl(text(given), value);
}
