// An execution's state as a coloured word; the colour is never the only sign.

import { h, w } from "/console/dom.js";

export const FINAL = ["SUCCESS", "FAILED", "TIMEOUT", "CANCELLED", "LOST"];
export const isFinal = (state) => FINAL.includes(state);

export function stateBadge(state) {
  return h("span", { class: `state ${state.toLowerCase()}` }, w(`state_${state}`));
}
