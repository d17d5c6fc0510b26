// One user, as admins see them: the role, whether they may sign in, the password, the grants.

import { ask, change, Refusal } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { buildGrants, chooseRole, GRANTS, roleName, ROLES } from "/console/admin/access.js";
import { confirmed } from "/console/parts/dialog.js";
import { field, form, select, text } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { facts, panel } from "/console/parts/labelled.js";
import { Picker } from "/console/parts/pick.js";
import { time } from "/console/parts/times.js";
import { showNotice } from "/playground/notice.js";
import { session } from "/playground/session.js";
import { word } from "/playground/words.js";

const ERRORS = "errors { code message field }";
const ONE = `query ($id: ID!) { user(id: $id) { id name role disabled createdAt ${GRANTS} } }`;
const UPDATE = `mutation ($input: UpdateUserInput!) { updateUser(input: $input) { ${ERRORS} } }`;
const GRANT = `mutation ($input: GrantRoleInput!) { grantRole(input: $input) { ${ERRORS} } }`;
const REVOKE = `mutation ($input: RevokeGrantInput!) { revokeGrant(input: $input) { ${ERRORS} } }`;

// Fills `place` with the user of this id, and again after each change.
export async function showUser(place, id) {
  const load = () => showUser(place, id);
  const { user } = await ask(ONE, { id });
  if (user === null) return put(place, h("p", { class: "empty" }, w("users_none")));
  document.title = `${user.name} · sshcast`;
  const panels = h("div", { class: "panels" }, buildRole(user, load), buildPassword(user));
  put(place, buildHead(user, load), panels, buildGrantsPanel(user, load), buildOther(user));
}

function buildHead(user, load) {
  const { disabled, name } = user;
  const act = async () => {
    if (!(await confirmed(w(disabled ? "users_enable_question" : "users_disable_question", { name }), disabled ? "users_enable" : "users_disable"))) return;
    await change(UPDATE, { input: { id: user.id, disabled: !disabled } });
    await load();
  };
  return h(
    "div",
    { class: "head" },
    h("h2", {}, name),
    h("span", { class: `state ${disabled ? "cancelled" : "success"}` }, w(disabled ? "users_disabled" : "users_enabled")),
    h("a", { class: "button", href: "/users" }, w("users_all")),
    actionButton(disabled ? "users_enable" : "users_disable", act, { class: disabled ? null : "danger" }),
  );
}

function buildRole(user, load) {
  const role = chooseRole(ROLES, { about: true });
  role.value = user.role;
  const work = async () => {
    const named = word(`access_${role.value}`);
    if (role.value === user.role || !(await confirmed(w("users_role_question", { name: user.name, role: named }), "users_change_role"))) return;
    await change(UPDATE, { input: { id: user.id, role: role.value } });
    await load();
  };
  const about = facts([["access_role", roleName(user.role)], ["created", time(user.createdAt)]]);
  return panel("access_role", about, form({ submit: "users_change_role", work }, field("role", "users_everything", role)));
}

function buildPassword(user) {
  const password = h("input", { type: "password", autocomplete: "new-password" });
  const work = async () => {
    await change(UPDATE, { input: { id: user.id, password: password.value } });
    password.value = "";
    showNotice(w("users_password_set", { name: user.name }));
  };
  return panel("users_new_password", form({ submit: "users_set", work }, field("password", "users_password", password, { about: "users_password_about" })));
}

function buildGrantsPanel(user, load) {
  const revoke = (grant) =>
    actionButton("users_revoke", async () => {
      if (!(await confirmed(w("users_revoke_question", { name: user.name }), "users_revoke"))) return;
      await change(REVOKE, { input: { id: grant.id } });
      await load();
    });
  return panel("access_grants", h("p", { class: "faint" }, w("users_grants_about")), buildGrants(user.grants, revoke), buildGrantForm(user, load));
}

function buildGrantForm(user, load) {
  const kind = select([["tag", "users_grant_tag"], ["server", "users_grant_server"]], { onchange: show });
  const tag = text({ maxlength: "100" });
  const picker = new Picker("server");
  const role = chooseRole(ROLES.slice(1));
  role.value = "OPERATOR";
  const fields = { tag: field("tag", "users_tag", tag), server: field("serverId", "users_server", picker.element) };
  fields.server.append(picker.list);
  const element = form(
    { submit: "users_grant", work },
    h("div", { class: "columns" }, field("kind", "users_grant_on", kind), fields.tag, fields.server, field("role", "access_role", role)),
  );
  function show() {
    for (const [name, each] of Object.entries(fields)) each.hidden = name !== kind.value;
  }
  async function work() {
    const isTag = kind.value === "tag";
    await picker.settle();
    if (!isTag && !picker.id) throw new Refusal([{ message: word("users_server_unknown"), field: ["serverId"] }]);
    await change(GRANT, { input: { userId: user.id, role: role.value, tag: isTag ? tag.value.trim() : null, serverId: isTag ? null : picker.id } });
    await load();
  }
  show();
  return element;
}

// What is not done here: identities of the provider are linked on the machine, tokens are their owner's.
function buildOther(user) {
  const isOwn = session.read()?.user.username === user.name;
  return panel(
    "users_other",
    h("p", {}, w("users_provider_about")),
    h("pre", { class: "command", tabindex: "0" }, `sshcast user link ${user.name} SUBJECT`),
    h("p", { class: "faint" }, w("users_tokens_about")),
    h("p", {}, isOwn && [h("a", { href: "/account" }, w("users_own_tokens")), " · "], h("a", { href: `/audit?actor=${user.id}` }, w("users_deeds"))),
  );
}
