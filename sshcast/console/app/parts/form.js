// Forms: fields with labels, and the service's refusals shown beside the field that they name.

import { Refusal } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { enableAgain } from "/console/parts/guard.js";

// A labelled field around a control. `name` is the input's name in GraphQL (`cronExpr`), by which refusals find it.
export function field(name, label, control, { about = null } = {}) {
  control.name ||= name;
  const id = `field-${name}-${Math.random().toString(36).slice(2, 8)}`;
  control.id = id;
  const error = h("span", { class: "error", role: "alert", id: `${id}-error` });
  control.setAttribute("aria-describedby", error.id);
  return h("div", { class: "field", data: { field: name } }, h("label", { for: id }, w(label)), control, about && h("small", {}, w(about)), error);
}

export const text = (attributes = {}) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
export const area = (attributes = {}) => h("textarea", { rows: "3", spellcheck: "false", autocomplete: "off", ...attributes });
export const check = (attributes = {}) => h("input", { type: "checkbox", ...attributes });
// `options`: [[value, word or text node]].
export function select(options, attributes = {}) {
  return h("select", attributes, options.map(([value, shown]) => h("option", { value }, typeof shown === "string" ? w(shown) : shown)));
}

// Gives a control a value, whichever kind of control it is; null leaves it as it is.
export function fillControl(control, value) {
  if (control.type === "checkbox") control.checked = Boolean(value);
  else if (value !== null && value !== undefined) control.value = value;
  return control;
}

export const readControl = (control) => (control.type === "checkbox" ? control.checked : control.value);

// The parts of a list that somebody typed with commas between them.
export const splitList = (value) => value.split(/[,，]/).map((each) => each.trim()).filter(Boolean);

// Runs `work` when the form is submitted; what the service refuses is shown at its field, or under the form.
export function form({ submit, work }, ...fields) {
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { type: "submit", class: "primary" }, w(submit));
  const element = h("form", { class: "stack", onsubmit: send }, ...fields, error, h("p", { class: "actions" }, button));
  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    for (const place of element.querySelectorAll(".field .error")) put(place);
    put(error);
    try {
      await work(element);
    } catch (refusal) {
      showRefusal(element, error, refusal);
    } finally {
      enableAgain(button);
    }
  }
  return element;
}

function showRefusal(element, error, refusal) {
  const left = [];
  for (const each of refusal instanceof Refusal ? refusal.errors : [refusal]) {
    const place = findPlace(element, each.field);
    place?.closest("details")?.setAttribute("open", "");
    if (place) put(place.querySelector(".error"), each.message);
    else left.push(each.message);
  }
  put(error, left.join("\n"));
  element.querySelector(".field .error:not(:empty)")?.parentElement.querySelector("input, select, textarea")?.focus();
}

// The field that a refusal's path names (`["terms", "retryLimit"]`): the innermost that the form has.
function findPlace(element, path) {
  const names = [path ?? []].flat().join(".").split(".").filter(Boolean);
  const named = names.toReversed().map((name) => element.querySelector(`.field[data-field="${CSS.escape(name)}"]`));
  return findPart(element, names) ?? named.find(Boolean) ?? null;
}

// The field of one value of a list that has a field for each: `["parameters", "0", "value"]` names the first of those that are
// filled in, which are those that were sent; `["parameters"]` is said of a value that is required and missing.
function findPart(element, names) {
  const at = names.findIndex((name) => element.querySelector(`.field[data-list="${CSS.escape(name)}"]`));
  if (at < 0) return null;
  const controls = [...element.querySelectorAll(`.field[data-list="${CSS.escape(names[at])}"] :is(input, select, textarea)`)];
  const isSent = ({ value }) => value !== "";
  const found = at + 1 < names.length ? controls.filter(isSent)[Number(names[at + 1])] : controls.find((each) => each.required && !isSent(each));
  return found?.closest(".field") ?? null;
}
