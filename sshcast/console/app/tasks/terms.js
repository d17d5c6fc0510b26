// The rare parts of a task's form: limits, and the terms by which its slots become runs.

import { h, w } from "/console/dom.js";
import { check, field, fillControl, select, text } from "/console/parts/form.js";

const REASONS = ["UNREACHABLE", "AUTH_FAILED", "EXIT_STATUS", "SIGNAL", "START_FAILED", "TIMEOUT", "LOST", "OUTPUT_LIMIT"];
const whole = (attributes = {}) => h("input", { type: "number", step: "1", ...attributes });
const numberOf = (control) => (control.value === "" ? null : Number(control.value));
const choose = (prefix, names) => select(names.map((name) => [name, `${prefix}_${name}`]));

// `read()` gives limits, working directory and mode. Of a task that is there, the limits are what they resolve to.
export function editLimits(task) {
  const inputs = {
    workingDir: text({ placeholder: "task_home" }),
    timeoutSeconds: whole({ min: "1", placeholder: "task_default" }),
    outputLimitBytes: whole({ min: "1", placeholder: "task_default" }),
    onOutputLimit: select([["", "task_default"], ["STOP", "limit_STOP"], ["TRUNCATE", "limit_TRUNCATE"]]),
    runMode: select([["", "task_server_mode"], ["DURABLE", "mode_DURABLE"], ["ATTACHED", "mode_ATTACHED"]]),
  };
  for (const [name, control] of Object.entries(inputs)) fillControl(control, task?.[name]);
  const merge = fillControl(check(), task?.mergeStreams);
  const fields = Object.entries(inputs).map(([name, control]) => field(name, `task_${name}`, control));
  const element = h("div", { class: "stack" }, h("div", { class: "columns" }, fields), h("label", { class: "inline" }, merge, w("task_mergeStreams")));
  const read = () => ({
    workingDir: inputs.workingDir.value.trim() || null,
    timeoutSeconds: numberOf(inputs.timeoutSeconds),
    outputLimitBytes: numberOf(inputs.outputLimitBytes),
    onOutputLimit: inputs.onOutputLimit.value || null,
    runMode: inputs.runMode.value || null,
    mergeStreams: merge.checked,
  });
  return { element, read };
}

// `read()` gives { terms }.
export function editTerms(task) {
  const inputs = {
    overlap: choose("overlap", ["ALLOW", "SKIP", "QUEUE", "REPLACE"]),
    missed: choose("missed", ["LATEST", "ALL", "SKIP"]),
    missedCap: whole({ min: "1", max: "1000" }),
    missedWindowSeconds: whole({ min: "1" }),
    dst: choose("dst", ["VIXIE", "SKIP", "TWICE", "WALL"]),
    jitterSeconds: whole({ min: "0", max: "86400" }),
    startDeadlineSeconds: whole({ min: "1", max: "86400", placeholder: "terms_none" }),
    retryLimit: whole({ min: "0", max: "20" }),
    retryDelaySeconds: whole({ min: "1", max: "3600" }),
  };
  for (const [name, control] of Object.entries(inputs)) fillControl(control, task?.terms[name]);
  const reasons = REASONS.map((name) => ({ name, control: check({ checked: (task?.terms.retryOn ?? ["UNREACHABLE"]).includes(name) }) }));
  const boxes = reasons.map(({ name, control }) => h("label", { class: "inline" }, control, w(`retry_on_${name}`)));
  const element = h(
    "div",
    { class: "stack" },
    h("div", { class: "columns" }, Object.entries(inputs).map(([name, control]) => field(name, `terms_${name}`, control))),
    h("fieldset", { class: "field", data: { field: "retryOn" } }, h("legend", {}, w("terms_retryOn")), h("div", { class: "bar" }, boxes), h("span", { class: "error", role: "alert" })),
  );
  return { element, dst: inputs.dst, read: () => ({ terms: readTerms(inputs, reasons) }) };
}

function readTerms(inputs, reasons) {
  const terms = { retryOn: reasons.filter(({ control }) => control.checked).map(({ name }) => name) };
  for (const [name, control] of Object.entries(inputs)) {
    if (control.tagName === "SELECT") terms[name] = control.value;
    else if (control.value !== "") terms[name] = Number(control.value);
    else if (name === "startDeadlineSeconds") terms[name] = null;
  }
  return terms;
}
