// A fleet run's state and counts, as its list and its page show them.

import { h, w } from "/console/dom.js";
import { stateBadge } from "/console/parts/state.js";
import { addWords } from "/playground/words.js";
import { WORDS } from "/console/words/fleet.js";

addWords(WORDS);

export const COUNTS = "size waiting pending running success failed timeout cancelled refused notStarted removed";

// The parts of the progress bar, in the order in which they stand.
export function countParts(counts) {
  return [
    { kind: "success", word: "state_SUCCESS", value: counts.success },
    { kind: "failed", word: "state_FAILED", value: counts.failed },
    { kind: "failed", word: "state_TIMEOUT", value: counts.timeout },
    { kind: "cancelled", word: "state_CANCELLED", value: counts.cancelled },
    { kind: "refused", word: "fleet_REFUSED", value: counts.refused },
    { kind: "cancelled", word: "fleet_NOT_STARTED", value: counts.notStarted },
    { kind: "running", word: "state_RUNNING", value: counts.running },
    { kind: "pending", word: "state_PENDING", value: counts.pending },
    { kind: "waiting", word: "fleet_WAITING", value: counts.waiting },
  ];
}

export function buildFleetState({ state, reason }) {
  const why = reason && reason !== "CANCELLED" && h("small", { class: "faint" }, w(`fleet_reason_${reason}`));
  return h("span", { class: "outcome" }, stateBadge(state), why);
}
