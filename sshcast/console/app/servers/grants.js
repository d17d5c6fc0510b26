// The roles that users have on one server by grants, on the server itself or on one of its tags; for admins.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { field, form, select } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { Table } from "/console/parts/table.js";

const USERS = `{ users(first: 100) { nodes { id name role grants { id role tag server { id } } } pageInfo { hasNextPage } } }`;
const GRANT = `mutation ($input: GrantRoleInput!) { grantRole(input: $input) { errors { code message field } } }`;
const REVOKE = `mutation ($input: RevokeGrantInput!) { revokeGrant(input: $input) { errors { code message field } } }`;

export async function showGrants(place, server) {
  const { users } = await ask(USERS);
  const rows = users.nodes.flatMap((user) => user.grants.filter((grant) => isFor(grant, server)).map((grant) => ({ ...grant, user })));
  const again = () => showGrants(place, server);
  const table = new Table(
    [
      { word: "user", cell: ({ user }) => user.name },
      { word: "grant_role", cell: ({ role }) => w(`role_${role}`) },
      { word: "grant_by", cell: ({ tag }) => (tag === null ? w("grant_server") : h("span", {}, w("grant_tag"), " ", h("span", { class: "tag" }, tag))) },
      { word: "grant_actions", cell: ({ id }) => actionButton("grant_revoke", () => change(REVOKE, { input: { id } }).then(again)) },
    ],
    { caption: "grants", empty: "grants_none" },
  );
  table.show(rows);
  put(place, table.element, users.pageInfo.hasNextPage && h("p", { class: "faint" }, w("grants_more")), buildForm(server, users.nodes, again));
}

const isFor = (grant, server) => grant.server?.id === server.id || (grant.tag !== null && server.tags.includes(grant.tag));

function buildForm(server, users, again) {
  const user = select(users.map(({ id, name }) => [id, document.createTextNode(name)]));
  const role = select(["VIEWER", "OPERATOR", "ADMIN"].map((name) => [name, `role_${name}`]));
  const work = async () => {
    await change(GRANT, { input: { userId: user.value, role: role.value, serverId: server.id } });
    await again();
  };
  return form({ submit: "grant_give", work }, h("div", { class: "columns" }, field("userId", "user", user), field("role", "grant_role", role)));
}
