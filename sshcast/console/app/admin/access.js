// Roles and grants, as the pages of users and of one's own account show them.

import { h, w } from "/console/dom.js";
import { select } from "/console/parts/form.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { WORDS } from "/console/words/access.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

export const ROLES = ["NONE", "VIEWER", "OPERATOR", "ADMIN"];
export const GRANTS = "grants { id role tag createdAt createdBy { name } server { id name } serverId }";

export const roleName = (role) => w(`access_${role}`);

// A choice of roles. `about` says beside each what it may do.
export function chooseRole(roles, { about = false, ...attributes } = {}) {
  return select(roles.map((role) => [role, `access_${about ? "about_" : ""}${role}`]), attributes);
}

function showPlace({ tag, server, serverId }) {
  if (tag !== null) return h("span", {}, w("access_tag", { tag }));
  return server ? h("a", { href: `/servers/${server.id}` }, server.name) : h("span", {}, w("server"), ` ${serverId}`);
}

// A table of grants. `act(grant)` gives the last cell of each, where something can be done to them.
export function buildGrants(grants, act = null) {
  const table = new Table(
    [
      { word: "access_where", cell: showPlace },
      { word: "access_role", cell: ({ role }) => roleName(role) },
      { word: "access_by", cell: ({ createdBy }) => createdBy?.name ?? h("code", {}, w("access_by_command")) },
      { word: "access_given", class: "short", cell: ({ createdAt }) => time(createdAt) },
      ...(act ? [{ word: "users_actions", cell: act }] : []),
    ],
    { caption: "access_grants", empty: "access_no_grants" },
  );
  table.show(grants);
  return table.element;
}
