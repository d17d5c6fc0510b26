// The rules of the command policy, with a filter: there are some hundred, and they are searched as one types.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { text } from "/console/parts/form.js";
import { filter, panel } from "/console/parts/labelled.js";
import { Table } from "/console/parts/table.js";
import { spoken } from "/playground/words.js";

const RULES = "query ($serverId: ID) { policyRules(serverId: $serverId) { id standard strict en zh } }";
const COLUMNS = [
  { word: "policies_rule", class: "whole", cell: ({ id }) => h("code", {}, id) },
  { word: "policies_rule_says", cell: (rule) => rule[spoken()] },
  { word: "policies_in_standard", class: "short", cell: ({ standard }) => showSeverity(standard) },
  { word: "policies_in_strict", class: "short", cell: ({ strict }) => showSeverity(strict) },
];

const showSeverity = (severity) => h("span", { class: severity === "DENY" ? "error" : "warned" }, w(`policies_${severity}`));

export async function buildRules(serverId) {
  const { policyRules } = await ask(RULES, { serverId });
  const table = new Table(COLUMNS, { caption: "policies_rules" });
  const count = h("span", { class: "faint", role: "status" });
  const search = text({ type: "search", oninput: show });
  function show() {
    const wanted = search.value.trim().toLowerCase();
    const found = policyRules.filter((rule) => `${rule.id} ${rule[spoken()]}`.toLowerCase().includes(wanted));
    table.show(found);
    put(count, w("policies_count", { shown: found.length, count: policyRules.length }));
  }
  show();
  return panel("policies_rules", h("div", { class: "filters", role: "search" }, filter("search_for", search), count), table.element);
}
