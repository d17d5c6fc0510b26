// The filters of the audit page: who, which action, which object, when. They stand in the address.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { select, text } from "/console/parts/form.js";
import { filter } from "/console/parts/labelled.js";
import { go, keepQuery } from "/console/router.js";
import { WORDS } from "/console/words/audit.js";

const USERS = "query { users(first: 100) { nodes { id name } } }";
const USER = "query ($id: ID!) { user(id: $id) { id name } }";
const OBJECTS = ["USER", "SERVER", "TASK", "EXECUTION", "FLEET_RUN", "SECRET"];
const KIND = "audit_did_";
const KINDS = Object.keys(WORDS.en).filter((name) => name.startsWith(KIND)).map((name) => name.slice(KIND.length));
const NAMES = ["actor", "kind", "object", "id", "from", "to"];

export class AuditFilters {
  constructor(query, onChange) {
    this.values = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
    this.onChange = onChange;
    const later = debounce(onChange);
    const set = (name, tell) => (event) => {
      this.values[name] = event.target.value.trim();
      keepQuery(this.values);
      tell();
    };
    this.actor = select([["", "all"]], { onchange: set("actor", onChange) });
    const kind = select([["", "all"], ...KINDS.map((each) => [each, KIND + each])], { onchange: set("kind", onChange) });
    const object = select([["", "all"], ...OBJECTS.map((each) => [each, `audit_${each}`])], { onchange: set("object", onChange) });
    const id = text({ inputmode: "numeric", size: "6", oninput: set("id", later) });
    const [from, to] = ["from", "to"].map((name) => h("input", { type: "datetime-local", onchange: set(name, onChange) }));
    for (const [name, control] of Object.entries({ kind, object, id, from, to })) control.value = this.values[name];
    const clear = h("button", { type: "button", class: "quiet", onclick: () => go("/audit", { replace: true }) }, w("audit_clear"));
    this.element = h(
      "div",
      { class: "filters panel audit-filters", role: "search" },
      filter("audit_who", this.actor),
      filter("audit_action", kind),
      filter("audit_object", object),
      filter("audit_object_id", id),
      filter("audit_from", from),
      filter("audit_to", to),
      clear,
    );
  }

  // The first hundred users, and whoever the address names.
  async listUsers() {
    const { users } = await ask(USERS);
    const { actor } = this.values;
    const isThere = !actor || users.nodes.some(({ id }) => id === actor);
    const named = isThere ? null : (await ask(USER, { id: actor })).user;
    const all = [...users.nodes, ...(named ? [named] : [])];
    put(this.actor, h("option", { value: "" }, w("all")), all.map(({ id, name }) => h("option", { value: id }, name)));
    this.actor.value = actor;
  }

  get isAny() {
    return Object.values(this.read()).some((value) => value !== null);
  }

  // As the service takes them. An object's number counts for nothing without its kind.
  read() {
    const { actor, kind, object, id, from, to } = this.values;
    const at = (local) => (local && !Number.isNaN(Date.parse(local)) ? new Date(local).toISOString() : null);
    return { actorId: actor || null, kinds: kind ? [kind] : null, objectKind: object || null, objectId: (object && id) || null, atFrom: at(from), atTo: at(to) };
  }
}

// Whether an entry that has just been written is one that these filters select.
export function matches(entry, { actorId, kinds, objectKind, objectId, atFrom, atTo }) {
  const isIn = (wanted, found) => wanted === null || wanted === found;
  const isWhen = (atFrom === null || new Date(entry.at) >= new Date(atFrom)) && (atTo === null || new Date(entry.at) <= new Date(atTo));
  return isIn(actorId, entry.actorId) && (kinds === null || kinds.includes(entry.kind)) && isIn(objectKind, entry.objectKind) && isIn(objectId, entry.objectId) && isWhen;
}
