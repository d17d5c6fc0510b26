// One's own account: who am I, personal access tokens, the language, the password.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { buildGrants, GRANTS, roleName } from "/console/admin/access.js";
import { confirmed, openDialog } from "/console/parts/dialog.js";
import { field, form, select, text } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { facts, panel } from "/console/parts/labelled.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { mayUse } from "/console/router.js";
import { WORDS } from "/console/words/account.js";
import { session } from "/playground/session.js";
import { addWords, spoken } from "/playground/words.js";

addWords(WORDS);

const ERRORS = "errors { code message field }";
const ME = `query { me { id name role createdAt ${GRANTS} } personalTokens { id name scope createdAt expiresAt } }`;
const TOKENS = "query { personalTokens { id name scope createdAt expiresAt } }";
const CREATE = `mutation ($input: CreatePersonalTokenInput!) { createPersonalToken(input: $input) { token ${ERRORS} } }`;
const REVOKE = `mutation ($input: RevokePersonalTokenInput!) { revokePersonalToken(input: $input) { ${ERRORS} } }`;
const PASSWORD = `mutation ($input: UpdateUserInput!) { updateUser(input: $input) { ${ERRORS} } }`;
const SCOPES = ["READ", "RUN", "ADMIN"];

export async function open(place) {
  const { me, personalTokens } = await ask(ME);
  const about = facts([["name", me.name], ["access_role", roleName(me.role)], ["created", time(me.createdAt)]]);
  const grants = me.grants.length > 0 && [h("h4", {}, w("access_grants")), buildGrants(me.grants)];
  put(
    place,
    h("div", { class: "head" }, h("h2", {}, w("account"))),
    h("div", { class: "panels" }, panel("account_you", about, grants), panel("account_language", buildLanguages()), buildPassword(me)),
    buildTokens(personalTokens),
  );
  document.title = `${me.name} · sshcast`;
}

// The header's button is the one that changes the language: these press it.
function buildLanguages() {
  const choose = (language) => () => spoken() !== language && document.getElementById("language").click();
  const build = (language, name, lang) =>
    h("button", { type: "button", lang, "aria-pressed": String(spoken() === language), onclick: choose(language) }, w(name));
  return h("div", { class: "bar choice" }, build("en", "account_english", "en"), build("zh", "account_chinese", "zh-CN"));
}

// The service lets admins set passwords, their own too; others have theirs set by an admin.
function buildPassword(me) {
  if (!mayUse("ADMIN")) return panel("account_password", h("p", { class: "faint" }, w("account_password_ask", { name: me.name })));
  const password = h("input", { type: "password", autocomplete: "new-password" });
  const work = async () => {
    await change(PASSWORD, { input: { id: me.id, password: password.value } });
    session.write(null);
    location.reload();
  };
  return panel(
    "account_password",
    h("p", { class: "faint" }, w("account_password_about")),
    form({ submit: "account_password_change", work }, field("password", "password", password)),
  );
}

function buildTokens(tokens) {
  const revoke = (token) =>
    actionButton("account_revoke", async () => {
      if (!(await confirmed(w("account_revoke_question", { name: token.name }), "account_revoke"))) return;
      await change(REVOKE, { input: { id: token.id } });
      await load();
    });
  const table = new Table(
    [
      { word: "account_token_name", cell: ({ name }) => name },
      { word: "account_scope", cell: ({ scope }) => w(`account_${scope}`) },
      { word: "created", class: "short", cell: ({ createdAt }) => time(createdAt) },
      { word: "account_expires", class: "short", cell: ({ expiresAt }) => time(expiresAt) },
      { word: "account_actions", cell: revoke },
    ],
    { caption: "account_tokens", empty: "account_no_tokens" },
  );
  const load = async () => table.show((await ask(TOKENS)).personalTokens);
  table.show(tokens);
  return panel("account_tokens", h("p", { class: "faint" }, w("account_tokens_about")), table.element, buildTokenForm(load));
}

function buildTokenForm(load) {
  const name = text({ maxlength: "100" });
  const scope = select(SCOPES.map((each) => [each, `account_${each}`]));
  const days = h("input", { type: "number", min: "1", max: "366", value: "90" });
  const work = async () => {
    const { token } = await change(CREATE, { input: { name: name.value.trim(), scope: scope.value, expiresInDays: Number(days.value) } });
    name.value = "";
    showToken(token);
    await load();
  };
  const element = form(
    { submit: "account_create", work },
    h(
      "div",
      { class: "columns" },
      field("name", "account_token_name", name, { about: "account_token_name_about" }),
      field("scope", "account_scope", scope),
      field("expiresInDays", "account_days", days),
    ),
  );
  element.noValidate = true; // the service's own sentences say what is wrong
  return element;
}

// Shown until the dialog is closed, and kept nowhere.
function showToken(token) {
  const shown = h("input", { type: "text", readonly: true, value: token, label: "account_token", class: "mono", onfocus: (event) => event.target.select() });
  const told = h("span", { role: "status" });
  const copy = async () => {
    shown.select();
    await (navigator.clipboard?.writeText(token) ?? document.execCommand("copy"));
    put(told, w("account_copied"));
  };
  const done = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, w("account_done"));
  const bar = h("p", { class: "actions" }, told, actionButton("account_copy", copy), done);
  const dialog = openDialog(w("account_token_made"), h("p", {}, w("account_token_once")), shown, bar);
}
