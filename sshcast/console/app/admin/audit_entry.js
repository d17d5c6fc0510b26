// One entry of the audit: who did what to which object, and what changed.

import { h, w } from "/console/dom.js";
import { facts } from "/console/parts/labelled.js";
import { legible } from "/playground/answer.js";

const PAGES = { USER: "/users?user=", SERVER: "/servers/", TASK: "/tasks/", EXECUTION: "/executions/", FLEET_RUN: "/fleet-runs/" };
const GRAVE = ["COMMAND_REFUSED", "FORBIDDEN", "REFRESH_REUSED", "SIGN_IN_FAILED"];

export const COLUMNS = [
  { word: "audit_who", class: "whole", cell: showActor },
  { word: "audit_what", cell: ({ kind }) => h("span", { class: GRAVE.includes(kind) ? "error" : null }, w(`audit_did_${kind}`)) },
  { word: "audit_object", cell: showObject },
  { word: "audit_details", class: "audit-details", cell: showDetails },
];

function showActor({ actor, actorId, address }) {
  const unknown = address === "machine" ? w("audit_machine") : w("audit_nobody");
  return actorId === null ? h("span", { class: "faint" }, actor ?? unknown) : h("a", { href: `/users?user=${actorId}` }, actor ?? w("audit_user", { id: actorId }));
}

// An object by its name, where the entry holds it: that of a token is not its user's.
function showObject({ kind, objectKind, objectId, before, after }) {
  if (objectKind === null) return "–";
  const name = kind.startsWith(objectKind) ? (readJson(after)?.name ?? readJson(before)?.name) : null;
  const shown = [w(`audit_${objectKind}`), " ", typeof name === "string" ? legible(name) : (objectId ?? "")];
  return objectKind in PAGES && objectId !== null ? h("a", { href: PAGES[objectKind] + objectId }, shown) : h("span", {}, shown);
}

function readJson(text) {
  return text === null ? null : JSON.parse(text);
}

// The contents are built when they are first opened: a page has fifty of them.
function showDetails(entry) {
  const box = h("details", { class: "plain", ontoggle: () => box.childElementCount === 1 && box.append(buildDetails(entry)) }, h("summary", {}, w("audit_show")));
  return box;
}

function buildDetails(entry) {
  const { id, address, hash, previous } = entry;
  const chain = facts([
    ["audit_number", id],
    ["audit_address", address && legible(address)],
    ["audit_hash", h("code", {}, hash)],
    ["audit_previous", h("code", {}, previous)],
  ]);
  return h("div", { class: "stack" }, buildChanges(readJson(entry.before), readJson(entry.after)), chain);
}

// One row a field: what it was, and what it became.
function buildChanges(before, after) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  if (!names.length) return null;
  const heads = ["audit_field", before && "audit_before", after && "audit_after"].filter(Boolean);
  const rows = names.map((name) =>
    h("tr", {}, h("th", { scope: "row" }, h("code", {}, name)), before && h("td", {}, showValue(before[name], "del")), after && h("td", {}, showValue(after[name], "ins"))),
  );
  return h("div", { class: "changes", tabindex: "0", role: "group", label: "audit_details" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, w(name))))), h("tbody", {}, rows)));
}

function showValue(value, tag) {
  if (value === undefined) return "";
  if (value === null || value === "" || (Array.isArray(value) && !value.length)) return h("span", { class: "faint" }, w("audit_unset"));
  const text = typeof value === "string" ? value : JSON.stringify(value, null, typeof value === "object" ? 1 : 0);
  return h(tag, {}, legible(text));
}
