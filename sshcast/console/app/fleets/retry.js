// The dialog that repeats a fleet run where it failed, for the reasons that one chooses.

import { change } from "/console/ask.js";
import { h, w } from "/console/dom.js";
import { openDialog } from "/console/parts/dialog.js";
import { form } from "/console/parts/form.js";
import { go } from "/console/router.js";

// Those under which the command has not begun; and those under which it may have done a part of its work.
const SAFE = ["UNREACHABLE", "AUTH_FAILED", "HOST_KEY_CHANGED", "HOST_KEY_UNKNOWN", "START_FAILED", "DEADLINE", "NOT_ALLOWED", "REFUSED_BY_POLICY"];
const BEGUN = ["EXIT_STATUS", "TIMEOUT", "SIGNAL", "LOST", "OUTPUT_LIMIT", "CANCELLED"];
const RETRY = "mutation ($input: RetryFleetRunInput!) { retryFleetRun(input: $input) { fleetRun { id } errors { code message field } } }";

export function openRetryDialog(id) {
  const boxes = Object.fromEntries([...SAFE, ...BEGUN].map((reason) => [reason, h("input", { type: "checkbox", checked: SAFE.includes(reason) })]));
  const notStarted = h("input", { type: "checkbox", checked: true });
  async function retry() {
    const reasons = Object.keys(boxes).filter((reason) => boxes[reason].checked);
    const { fleetRun } = await change(RETRY, { input: { id, reasons, notStarted: notStarted.checked } });
    dialog.close();
    await go(`/fleet-runs/${fleetRun.id}`);
  }
  const group = (title, reasons, ...more) => h("fieldset", { class: "picks" }, h("legend", {}, w(title)), reasons.map((reason) => h("label", {}, boxes[reason], w(`reason_${reason}`))), more);
  const asked = form({ submit: "fleet_retry_start", work: retry }, group("fleet_retry_safe", SAFE, h("label", {}, notStarted, w("fleet_retry_not_started"))), group("fleet_retry_begun", BEGUN));
  const dialog = openDialog(w("fleet_retry"), asked);
  return dialog;
}
