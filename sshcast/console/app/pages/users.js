// Users, for admins: who there is, and for one of them (`?user=ID`) the role, sign-in, password and grants.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { chooseRole, roleName, ROLES } from "/console/admin/access.js";
import { openDialog } from "/console/parts/dialog.js";
import { field, form, select, text } from "/console/parts/form.js";
import { filter } from "/console/parts/labelled.js";
import { Pager } from "/console/parts/pager.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { showUser } from "/console/admin/user.js";
import { go, keepQuery } from "/console/router.js";
import { WORDS } from "/console/words/users.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);

const PAGE = 25;
const LIST = `query ($after: String, $filter: UserFilter) { users(first: ${PAGE}, after: $after, filter: $filter) {
  nodes { id name role disabled createdAt grants { id role tag server { name } serverId } } pageInfo { hasNextPage endCursor } } }`;
const CREATE = `mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } errors { code message field } } }`;

export async function open(place, { query }) {
  if (query.has("user")) return showUser(place, query.get("user"));
  const filters = { role: query.get("role") ?? "", disabled: query.get("disabled") ?? "" };
  const table = new Table(COLUMNS, { caption: "users", empty: "users_no_match" });
  const pager = new Pager(async (after) => {
    const { users } = await ask(LIST, { after, filter: { role: filters.role || null, disabled: filters.disabled ? filters.disabled === "true" : null } });
    table.show(users.nodes);
    return users.pageInfo;
  });
  const add = h("button", { type: "button", class: "primary", onclick: openNew }, w("users_new"));
  put(place, h("div", { class: "head" }, h("h2", {}, w("users")), add), buildFilters(filters, () => pager.goFirst()), table.element, pager.element);
  await pager.goFirst();
}

const COLUMNS = [
  { word: "name", cell: ({ id, name }) => h("a", { href: `/users?user=${id}` }, name) },
  { word: "access_role", cell: ({ role }) => roleName(role) },
  { word: "access_grants", cell: ({ grants }) => (grants.length ? h("span", { class: "tags" }, grants.map(showGrant)) : "–") },
  { word: "users_state", cell: ({ disabled }) => showSignIn(disabled) },
  { word: "created", class: "short", cell: ({ createdAt }) => time(createdAt) },
];

function showGrant({ role, tag, server, serverId }) {
  return h("span", { class: "tag" }, `${tag === null ? (server?.name ?? `#${serverId}`) : `${word("users_tag")} ${tag}`}: ${word(`access_${role}`)}`);
}

const showSignIn = (isDisabled) => h("span", { class: `state ${isDisabled ? "cancelled" : "success"}` }, w(isDisabled ? "users_disabled" : "users_enabled"));

function buildFilters(filters, load) {
  const set = (name) => (event) => {
    filters[name] = event.target.value;
    keepQuery(filters);
    load();
  };
  const role = select([["", "all"], ...ROLES.map((each) => [each, `access_${each}`])], { onchange: set("role") });
  const disabled = select([["", "all"], ["false", "users_enabled"], ["true", "users_disabled"]], { onchange: set("disabled") });
  role.value = filters.role;
  disabled.value = filters.disabled;
  return h("div", { class: "filters", role: "search" }, filter("access_role", role), filter("users_state", disabled));
}

function openNew() {
  const name = text({ autocapitalize: "none", maxlength: "64" });
  const password = h("input", { type: "password", autocomplete: "new-password" });
  const role = chooseRole(ROLES, { about: true });
  const work = async () => {
    const { user } = await change(CREATE, { input: { name: name.value.trim(), password: password.value, role: role.value } });
    dialog.close();
    await go(`/users?user=${user.id}`);
  };
  const element = form(
    { submit: "users_create", work },
    field("name", "name", name, { about: "users_name_about" }),
    field("password", "users_password", password, { about: "users_password_about" }),
    field("role", "users_everything", role),
  );
  const dialog = openDialog(w("users_new"), element);
}
