// Registered secrets, for admins: names and where they may be used and are, never values.

import { ask, change, Refusal } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { confirmed, openDialog } from "/console/parts/dialog.js";
import { area, field, form, text } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { Pager } from "/console/parts/pager.js";
import { Picker } from "/console/parts/pick.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { WORDS } from "/console/words/secrets.js";
import { showNotice } from "/playground/notice.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);

const PAGE = 25;
// Tasks that are looked at to say where a secret is used: pages of a hundred.
const MOST_TASKS = 1000;
const ERRORS = "errors { code message field }";
const LIST = `query ($after: String) { secrets(first: ${PAGE}, after: $after) {
  nodes { id name createdAt updatedAt createdBy { name } server { id name } serverId } pageInfo { hasNextPage endCursor } } }`;
const USES = "query ($after: String) { tasks(first: 100, after: $after) { nodes { id name secretEnv { secret } } pageInfo { hasNextPage endCursor } } }";
const CREATE = `mutation ($input: CreateSecretInput!) { createSecret(input: $input) { ${ERRORS} } }`;
const UPDATE = `mutation ($input: UpdateSecretInput!) { updateSecret(input: $input) { ${ERRORS} } }`;
const DELETE = `mutation ($input: DeleteSecretInput!) { deleteSecret(input: $input) { ${ERRORS} } }`;

export async function open(place) {
  const table = new Table(buildColumns(() => pager.turn(pager.after)), { caption: "secrets" });
  const pager = new Pager(async (after) => {
    const { secrets } = await ask(LIST, { after });
    table.show(secrets.nodes);
    return secrets.pageInfo;
  });
  const add = h("button", { type: "button", class: "primary", onclick: () => openNew(() => pager.goFirst()) }, w("secrets_new"));
  const about = h("p", { class: "faint" }, w("secrets_about"));
  put(place, h("div", { class: "head" }, h("h2", {}, w("secrets")), add), about, table.element, pager.element);
  await pager.goFirst();
}

function buildColumns(load) {
  const act = (secret) =>
    h(
      "div",
      { class: "bar" },
      h("button", { type: "button", onclick: () => openReplace(secret, load) }, w("secrets_replace")),
      actionButton("delete", () => deleteSecret(secret, load), { class: "danger" }),
    );
  return [
    { word: "name", cell: ({ name }) => h("code", {}, name) },
    { word: "secrets_for", cell: showServer },
    { word: "secrets_uses", cell: ({ name }) => showUses(name) },
    { word: "by", cell: ({ createdBy }) => createdBy?.name ?? "–" },
    { word: "secrets_replaced", class: "short", cell: ({ updatedAt }) => time(updatedAt) },
    { word: "secrets_actions", cell: act },
  ];
}

function showServer({ server, serverId }) {
  if (serverId === null) return w("secrets_everywhere");
  return server ? h("a", { href: `/servers/${server.id}` }, server.name) : h("span", {}, `#${serverId}`);
}

// The tasks that take this secret, and how many were looked at if there are more.
async function findUses(name) {
  const found = [];
  let after = null;
  for (let seen = 0; seen < MOST_TASKS; seen += 100) {
    const { tasks } = await ask(USES, { after });
    found.push(...tasks.nodes.filter(({ secretEnv }) => secretEnv.some(({ secret }) => secret === name)));
    if (!tasks.pageInfo.hasNextPage) return { found, isAll: true };
    after = tasks.pageInfo.endCursor;
  }
  return { found, isAll: false };
}

// Looked up when asked for: the service does not keep who uses a secret.
function showUses(name) {
  const cell = h("div", { class: "uses", role: "status" });
  const look = async () => {
    const { found, isAll } = await findUses(name);
    const links = found.map((task) => h("a", { href: `/tasks/${task.id}` }, task.name));
    put(cell, links.length ? links : h("span", { class: "faint" }, w("secrets_unused")), !isAll && h("small", { class: "faint" }, w("secrets_more_uses", { count: MOST_TASKS })));
  };
  return put(cell, actionButton("secrets_find_uses", look, { class: "quiet" }));
}

// A value is typed unseen, or pasted with its lines.
const valueField = (label) => field("value", label, area({ rows: "3", class: "veiled", required: true }), { about: "secrets_value_about" });

function openNew(load) {
  const name = text({ maxlength: "100", autocapitalize: "none" });
  const value = valueField("secrets_value");
  const picker = new Picker("server");
  const place = field("serverId", "secrets_for", picker.element, { about: "secrets_for_about" });
  place.append(picker.list);
  const work = async () => {
    await picker.settle();
    if (picker.element.value && !picker.id) throw new Refusal([{ message: word("secrets_server_unknown"), field: ["serverId"] }]);
    const input = { name: name.value.trim(), value: readValue(value), serverId: picker.id };
    await change(CREATE, { input });
    dialog.close();
    showNotice(w("secrets_done_create", { name: input.name }));
    await load();
  };
  const element = form({ submit: "secrets_create", work }, field("name", "name", name, { about: "secrets_name_about" }), value, place);
  element.noValidate = true;
  const dialog = openDialog(w("secrets_new"), element);
}

const readValue = (place) => place.querySelector("textarea").value;

function openReplace({ id, name }, load) {
  const value = valueField("secrets_new_value");
  const work = async () => {
    await change(UPDATE, { input: { id, value: readValue(value) } });
    dialog.close();
    showNotice(w("secrets_done_replace", { name }));
    await load();
  };
  const element = form({ submit: "secrets_replace", work }, value);
  element.noValidate = true;
  const dialog = openDialog(w("secrets_replace_title", { name }), h("p", { class: "faint" }, w("secrets_replace_about")), element);
}

async function deleteSecret({ id, name }, load) {
  const { found } = await findUses(name);
  const uses = found.length > 0 && [" ", w("secrets_used_by", { names: found.map((task) => task.name).join(", ") })];
  if (!(await confirmed(h("span", {}, w("secrets_delete_question", { name }), uses), "delete"))) return;
  await change(DELETE, { input: { id } });
  await load();
}
