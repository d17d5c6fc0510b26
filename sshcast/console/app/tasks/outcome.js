// What came of a slot of a schedule, as a coloured word; the colour is never the only sign.

import { h, w } from "/console/dom.js";
import { WORDS } from "/console/words/schedule.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

export const OUTCOMES = [
  "FIRED", "CAUGHT_UP", "MOVED_BY_DST", "WAITING", "MISSED", "SKIPPED_OVERLAP", "SKIPPED_PAUSED", "SKIPPED_BLACKOUT", "SKIPPED_DST",
  "SKIPPED_SERVER", "NOT_ALLOWED", "REFUSED_BY_POLICY", "UNREADABLE", "SHADOWED",
];
const RAN = ["FIRED", "CAUGHT_UP", "MOVED_BY_DST"];
const FAULTY = ["MISSED", "NOT_ALLOWED", "REFUSED_BY_POLICY", "UNREADABLE", "SKIPPED_SERVER"];

// "ran", "waits", "skipped", "faulty" or "shadowed": which of five kinds an outcome is of.
export function kindOf(outcome) {
  if (RAN.includes(outcome)) return "ran";
  if (outcome === "WAITING") return "waits";
  if (outcome === "SHADOWED") return "shadowed";
  return FAULTY.includes(outcome) ? "faulty" : "skipped";
}

export const outcomeBadge = (outcome) => h("span", { class: `state came ${kindOf(outcome)}` }, w(`outcome_${outcome}`));
