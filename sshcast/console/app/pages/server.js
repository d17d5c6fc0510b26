// A server: its facts, its host keys, a check step by step, who may do what on it; edit, switch off and delete it.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { confirmed } from "/console/parts/dialog.js";
import { refreshOnEvents } from "/console/parts/follow.js";
import { actionButton } from "/console/parts/guard.js";
import { facts, panel, tags } from "/console/parts/labelled.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { formatTime, time } from "/console/parts/times.js";
import { go, mayUse } from "/console/router.js";
import { buildCheck } from "/console/servers/check.js";
import { buildServerForm, EDITED } from "/console/servers/form.js";
import { showGrants } from "/console/servers/grants.js";
import { buildKeys } from "/console/servers/repin.js";
import { WORDS } from "/console/words/servers.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);

const ONE = `query ($id: ID!) { server(id: $id) { ${EDITED} hostKeys viewerRole createdAt updatedAt deletedAt createdBy { name }
  tasks(first: 10, orderBy: {field: NAME}) { nodes { id name cronExpr nextRun latestExecution { id state } } } } }`;
const UPDATE = `mutation ($input: UpdateServerInput!) { updateServer(input: $input) { errors { code message field } } }`;
const DELETE = `mutation ($input: DeleteServerInput!) { deleteServer(input: $input) { errors { code message field } } }`;

export async function open(place, { params, query, signal }) {
  const { server } = await ask(ONE, { id: params.id });
  if (server === null) return put(place, h("p", { class: "empty" }, w("server_none")));
  if (query.has("edit")) return openEdit(place, server);
  const page = new Page(server);
  put(place, page.element);
  document.title = `${server.name} · sshcast`;
  refreshOnEvents({ serverId: params.id, kinds: ["SERVER_UPDATED", "SERVER_DELETED"] }, () => page.refresh(), signal);
}

function openEdit(place, server) {
  const form = buildServerForm(server, (id) => go(`/servers/${id}`));
  const head = h("div", { class: "head" }, h("h2", {}, w("server_edit_title", { name: server.name })), h("a", { class: "button", href: `/servers/${server.id}` }, w("cancel")));
  put(place, head, h("div", { class: "panel narrow" }, form));
}

// The parts that show facts are built anew when the server changes; the check and the grants stay as they are.
class Page {
  constructor(server) {
    this.id = server.id;
    this.isAdmin = mayUse("ADMIN") || server.viewerRole === "ADMIN";
    this.mayCheck = this.isAdmin || mayUse("OPERATOR") || server.viewerRole === "OPERATOR";
    this.head = h("div", { class: "head" });
    this.facts = h("div");
    this.keys = h("div", { class: "stack" });
    const check = buildCheck(server.id);
    const panels = [panel("server_facts", this.facts), panel("keys", this.keys)];
    this.element = h("div", { class: "stack" }, this.head, h("div", { class: "panels" }, panels), this.mayCheck && panel("server_check_title", h("p", { class: "faint" }, w("check_about")), h("div", {}, check.button), check.element), panel("tasks", buildTasks(server.tasks.nodes)));
    if (mayUse("ADMIN")) this.addGrants(server);
    this.show(server);
  }

  addGrants(server) {
    const place = h("div", { class: "stack" });
    this.element.append(panel("grants", place));
    showGrants(place, server).catch((error) => put(place, h("p", { class: "error" }, error.message)));
  }

  async refresh() {
    const { server } = await ask(ONE, { id: this.id });
    if (server) this.show(server);
  }

  show(server) {
    const act = actionButton(server.enabled ? "server_disable" : "server_enable", () => this.switch(server));
    const changes = this.isAdmin && !server.deletedAt && [act, h("a", { class: "button", href: `/servers/${this.id}?edit=1` }, w("edit")), actionButton("delete", () => deleteServer(server), { class: "danger" })];
    put(this.head, h("h2", {}, server.name), showStanding(server), changes);
    put(this.facts, buildFacts(server));
    const text = JSON.stringify(server.hostKeys);
    if (text !== this.keysText) put(this.keys, buildKeys(server, this.isAdmin, () => this.refresh()));
    this.keysText = text;
  }

  async switch(server) {
    await change(UPDATE, { input: { id: this.id, enabled: !server.enabled } });
    await this.refresh();
  }
}

async function deleteServer(server) {
  if (!(await confirmed(w("server_delete_question", { name: server.name }), "delete"))) return;
  await change(DELETE, { input: { id: server.id } });
  await go("/servers");
}

function showStanding({ enabled, deletedAt }) {
  if (deletedAt) return h("span", { class: "state failed" }, w("server_deleted"));
  return h("span", { class: `state ${enabled ? "success" : "cancelled"}` }, w(enabled ? "server_on" : "server_off"));
}

function buildFacts(server) {
  const jump = server.jumpServer;
  return facts([
    ["server_address", h("code", {}, `${server.username}@${server.host}:${server.port}`)],
    ["server_jump", jump && h("a", { href: `/servers/${jump.id}` }, jump.name)],
    ["server_tags", server.tags.length ? tags(server.tags) : null],
    ["credential_kind", w(`credential_${server.credentialKind}`)],
    ["server_maxParallel", server.maxParallel],
    ["server_runMode", w(`server_${server.runMode}`)],
    ["server_outputEncoding", server.outputEncoding],
    ["server_hostKeyAlias", server.hostKeyAlias],
    ["server_legacy", server.legacyAlgorithms.length ? server.legacyAlgorithms.map((name) => h("div", {}, w(`legacy_${name}`))) : null],
    ["blackouts", server.blackouts.length ? server.blackouts.map((each) => h("div", {}, describeBlackout(each))) : null],
    ["server_role", w(`role_${server.viewerRole}`)],
    ["created", [time(server.createdAt), " ", server.createdBy?.name ?? ""]],
  ]);
}

function describeBlackout({ from, until, days, start, end, timezone, reason }) {
  const when = from ? `${formatTime(from)} – ${formatTime(until)}` : `${days?.length === 7 || !days ? word("blackout_every_day") : days.join(", ")} ${start} – ${end} ${timezone}`;
  return reason ? `${when} (${reason})` : when;
}

function buildTasks(tasks) {
  const table = new Table(
    [
      { word: "name", cell: (task) => h("a", { href: `/tasks/${task.id}` }, task.name) },
      { word: "schedule", cell: (task) => h("code", {}, task.cronExpr) },
      { word: "server_next_run", class: "short", cell: (task) => time(task.nextRun) },
      { word: "server_last_run", cell: ({ latestExecution: run }) => (run ? h("a", { href: `/executions/${run.id}` }, stateBadge(run.state)) : "–") },
    ],
    { caption: "tasks" },
  );
  table.show(tasks);
  return table.element;
}
