// The policy that a server or a task has of its own, its versions, and for admins the form that sets it.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { confirmed } from "/console/parts/dialog.js";
import { area, field, form, select } from "/console/parts/form.js";
import { facts, panel } from "/console/parts/labelled.js";
import { Pager } from "/console/parts/pager.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { mayUse } from "/console/router.js";
import { showNotice } from "/playground/notice.js";

const FIELDS = "id mode allow commands extra holds createdAt createdById serverId taskId";
const SUBJECT = {
  server: `query ($id: ID!) { found: server(id: $id) { id name policy { ${FIELDS} } } }`,
  task: `query ($id: ID!) { found: task(id: $id) { id name serverId policy { ${FIELDS} } } }`,
};
const SET = {
  server: "mutation ($input: SetServerPolicyInput!) { setServerPolicy(input: $input) { errors { code message field } } }",
  task: "mutation ($input: SetTaskPolicyInput!) { setTaskPolicy(input: $input) { errors { code message field } } }",
};
const HISTORY = `query ($after: String, $filter: CommandPolicyFilter) { commandPolicies(first: 10, after: $after, filter: $filter) {
  nodes { ${FIELDS} } pageInfo { hasNextPage endCursor } } }`;
const USER = "query ($id: ID!) { found: user(id: $id) { name } }";
const NAMES = { server: "query ($id: ID!) { found: server(id: $id) { name } }", task: "query ($id: ID!) { found: task(id: $id) { name } }", user: USER };
const MODES = ["AUDIT", "STANDARD", "STRICT"];

// The server or task with its policy; null if there is none that the viewer may see.
export async function readSubject(kind, id) {
  return (await ask(SUBJECT[kind], { id })).found;
}

export function buildOwn(kind, subject, load) {
  const { policy } = subject;
  const none = kind === "server" ? "policies_own_none" : "policies_own_task_none";
  const shown = policy ? describe(policy) : h("p", { class: "faint" }, w(none));
  const isLapsed = policy && !policy.holds && h("p", { class: "error" }, w("policies_holds_not"));
  const edit = mayUse("ADMIN") && h("details", {}, h("summary", {}, w("policies_change")), buildForm(kind, subject, load));
  return panel("policies_own", isLapsed, shown, edit);
}

function describe({ mode, allow, commands, extra, serverId, createdAt }) {
  const list = (values) => (values.length ? values.map((each) => h("div", {}, h("code", {}, each))) : null);
  return facts([
    ["policies_mode", w(mode === null ? defaultMode(serverId === null ? "task" : "server") : `policies_${mode}`)],
    ["policies_allow", list(allow)],
    ["policies_commands", list(commands)],
    ["policies_extra", extra ? h("pre", { class: "command", tabindex: "0" }, extra) : null],
    ["created", time(createdAt)],
  ]);
}

const defaultMode = (kind) => `policies_mode_default_${kind}`;

function buildForm(kind, { id, policy }, load) {
  const mode = select([["", defaultMode(kind)], ...MODES.map((each) => [each, `policies_${each}`])]);
  const lines = (values) => (values ?? []).join("\n");
  const controls = { allow: area(), commands: area(), extra: area({ rows: "6" }) };
  mode.value = policy?.mode ?? "";
  controls.allow.value = lines(policy?.allow);
  controls.commands.value = lines(policy?.commands);
  controls.extra.value = policy?.extra ?? "";
  const read = (name) => controls[name].value.split("\n").map((line) => line.trim()).filter(Boolean);
  const work = async () => {
    if (mode.value === "AUDIT" && policy?.mode !== "AUDIT" && !(await confirmed(w("policies_loosen_question"), "policies_save"))) return;
    const input = { id, mode: mode.value || null, allow: read("allow"), extra: controls.extra.value };
    await change(SET[kind], { input: kind === "server" ? { ...input, commands: read("commands") } : input });
    showNotice(w("policies_changed"));
    await load();
  };
  return form(
    { submit: "policies_save", work },
    field("mode", "policies_mode", mode),
    field("allow", "policies_allow", controls.allow, { about: "policies_allow_about" }),
    kind === "server" && field("commands", "policies_commands", controls.commands, { about: "policies_commands_about" }),
    field("extra", "policies_extra", controls.extra, { about: "policies_extra_about" }),
  );
}

// The versions that were set for one server or task, or lately for any: for admins.
export async function buildHistory(filter) {
  const find = rememberNames();
  const ofAny = filter === null;
  const table = new Table(
    [
      { word: "created", class: "short", cell: ({ createdAt }) => time(createdAt) },
      ...(ofAny ? [{ word: "policies_for", cell: ({ serverId, taskId }) => showSubject(find, serverId, taskId) }] : []),
      { word: "by", cell: ({ createdById }) => find("user", createdById) },
      { word: "policies_mode", cell: ({ mode, serverId }) => w(mode === null ? defaultMode(serverId === null ? "task" : "server") : `policies_${mode}`) },
      { word: "policies_allow", cell: ({ allow }) => h("span", {}, allow.length ? allow.map((each) => h("div", {}, h("code", {}, each))) : "–") },
      { word: "policies_commands", cell: ({ commands }) => h("span", {}, commands.length ? commands.map((each) => h("div", {}, h("code", {}, each))) : "–") },
    ],
    { caption: ofAny ? "policies_history_all" : "policies_history", empty: "policies_history_none" },
  );
  const pager = new Pager(async (after) => {
    const { commandPolicies } = await ask(HISTORY, { after, filter });
    table.show(commandPolicies.nodes);
    return commandPolicies.pageInfo;
  });
  await pager.goFirst();
  return panel(ofAny ? "policies_history_all" : "policies_history", table.element, pager.element);
}

function showSubject(find, serverId, taskId) {
  const [kind, id] = serverId === null ? ["task", taskId] : ["server", serverId];
  return h("a", { href: `/policies?${kind}=${id}` }, w(kind), " ", find(kind, id));
}

// Shows names of objects by their ids, each asked for once.
function rememberNames() {
  const known = new Map();
  return (kind, id) => {
    const place = h("span", {}, `#${id}`);
    const key = `${kind} ${id}`;
    if (!known.has(key)) known.set(key, ask(NAMES[kind], { id }).catch(() => ({ found: null })));
    known.get(key).then(({ found }) => found && put(place, found.name));
    return place;
  };
}
