// Checks a server step by step, and shows what each step found and how long it took.

import { change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { actionButton } from "/console/parts/guard.js";
import { Table } from "/console/parts/table.js";

const CHECK = `mutation ($input: CheckServerInput!) { checkServer(input: $input) {
  check { ready clockDifferenceSeconds roundTripMs hostKey { type fingerprint pinned } steps { step status durationMs found message } }
  errors { code message field } } }`;

// A button and the place of the answer: { button, element }. `onChecked` gets the check.
export function buildCheck(id, onChecked = () => {}) {
  const element = h("div", { class: "stack", role: "status" });
  const button = actionButton("server_check", async () => {
    put(element, h("p", {}, h("span", { class: "state running" }, w("check_going_on"))));
    try {
      const { check } = await change(CHECK, { input: { id } });
      put(element, showCheck(check));
      onChecked(check);
    } catch (error) {
      put(element, h("p", { class: "error" }, error.message));
    }
  });
  return { button, element };
}

function showCheck(check) {
  const verdict = h("p", {}, h("span", { class: `state ${check.ready ? "success" : "failed"}` }, w(check.ready ? "check_ready" : "check_not_ready")));
  const table = new Table(
    [
      { word: "check_step", cell: ({ step }) => w(`step_${step}`) },
      { word: "state", cell: ({ status }) => h("span", { class: `state step ${status.toLowerCase()}` }, w(`step_${status}`)) },
      { word: "duration", class: "number", cell: ({ durationMs }) => formatMilliseconds(durationMs) },
      { word: "check_found", cell: ({ found, message }) => h("span", { class: "stack tight" }, found && h("code", {}, found), message && h("span", {}, message)) },
    ],
    { caption: "server_check" },
  );
  table.show(check.steps.map((step) => ({ id: step.step, ...step })));
  return [verdict, table.element];
}

const formatMilliseconds = (ms) => (ms === null ? "–" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
