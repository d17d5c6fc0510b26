// Small pieces that lists and pages of objects share.

import { h, w } from "/console/dom.js";

export const tags = (names) => h("span", { class: "tags" }, names.map((name) => h("span", { class: "tag" }, name)));

// `entries`: [[word, content]]; entries whose content is null are left out.
export function facts(entries) {
  const shown = entries.filter(([, content]) => content !== null && content !== undefined);
  return h("dl", { class: "facts" }, shown.map(([name, content]) => [h("dt", {}, w(name)), h("dd", {}, content)]));
}

export const panel = (name, ...content) => h("section", { class: "panel" }, h("h3", {}, w(name)), ...content);

// A filter of a list: its label beside the control.
export const filter = (name, control) => h("label", {}, w(name), control);
