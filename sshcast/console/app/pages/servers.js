// Servers: which there are, whether runs may start on them, and the form of a new one.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { select, text } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { filter, tags } from "/console/parts/labelled.js";
import { LiveRows, refreshOnEvents } from "/console/parts/live_rows.js";
import { buildServerForm } from "/console/parts/server_form.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { go, keepQuery, mayUse } from "/console/router.js";
import { WORDS } from "/console/words/servers.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const PAGE = 25;
const MOST = 100; // of one answer
const LIST = `query ($first: Int!, $after: String, $filter: ServerFilter) {
  servers(first: $first, after: $after, filter: $filter, orderBy: {field: NAME}) {
    nodes { id name host port username tags enabled jumpServer { id name } viewerRole } pageInfo { hasNextPage endCursor } } }`;
// The audit has what came of checks; it is for admins.
const CHECKS = `{ auditEvents(last: 100, filter: {kinds: [SERVER_CHECKED]}) { nodes { id objectId at after } } }`;
const KINDS = ["SERVER_CREATED", "SERVER_UPDATED", "SERVER_DELETED"];

export async function open(place, { query, signal }) {
  if (query.has("new")) return openNew(place);
  const filters = { name: query.get("name") ?? "", tag: query.get("tag") ?? "", enabled: query.get("enabled") ?? "" };
  const list = new List(filters);
  const add = mayUse("ADMIN") && h("a", { class: "button primary", href: "/servers?new=1" }, w("server_new"));
  put(place, h("div", { class: "head" }, h("h2", {}, w("servers")), add), buildFilters(filters, () => list.load()), list.element);
  await list.load();
  if (!signal.aborted) refreshOnEvents({ kinds: KINDS }, () => list.refresh(), signal);
}

function openNew(place) {
  const form = buildServerForm(null, (id) => go(`/servers/${id}`));
  const head = h("div", { class: "head" }, h("h2", {}, w("server_new")), h("a", { class: "button", href: "/servers" }, w("cancel")));
  put(place, head, h("div", { class: "panel narrow" }, form));
}

function buildFilters(filters, load) {
  const later = debounce(load);
  const set = (name) => (event) => {
    filters[name] = event.target.value.trim();
    keepQuery(filters);
    later();
  };
  const name = text({ type: "search", value: filters.name, oninput: set("name") });
  const tag = text({ value: filters.tag, oninput: set("tag") });
  const enabled = select([["", "all"], ["true", "server_on"], ["false", "server_off"]], { onchange: set("enabled") });
  enabled.value = filters.enabled;
  return h("div", { class: "filters", role: "search" }, filter("name", name), filter("server_tag", tag), filter("state", enabled));
}

class List {
  constructor(filters) {
    this.filters = filters;
    this.table = new Table(
      [
        { word: "name", cell: (server) => h("a", { href: `/servers/${server.id}` }, server.name) },
        { word: "server_address", cell: showAddress },
        { word: "server_tags_short", cell: (server) => (server.tags.length ? tags(server.tags) : "–") },
        { word: "state", cell: (server) => showEnabled(server.enabled) },
        mayUse("ADMIN") && { word: "server_last_check", cell: (server) => showCheck(server.check) },
      ].filter(Boolean),
      { caption: "servers" },
    );
    this.rows = new LiveRows(this.table);
    this.more = actionButton("more", () => this.loadMore(), { hidden: true });
    this.element = h("div", { class: "stack" }, this.table.element, h("div", { class: "bar" }, this.more));
  }

  async read(first, after = null) {
    const { name, tag, enabled } = this.filters;
    const filter = { nameContains: name || null, tagsAny: tag ? [tag] : null, enabled: enabled ? enabled === "true" : null };
    const [{ servers }, checks] = await Promise.all([ask(LIST, { first, after, filter }), readChecks()]);
    this.end = servers.pageInfo.endCursor;
    this.more.hidden = !servers.pageInfo.hasNextPage;
    return servers.nodes.map((server) => ({ ...server, check: checks.get(server.id) ?? null }));
  }

  async load() {
    this.rows.show(await this.read(PAGE));
  }

  async loadMore() {
    this.rows.append(await this.read(PAGE, this.end));
  }

  async refresh() {
    if (this.rows.size <= MOST) this.rows.show(await this.read(Math.max(PAGE, this.rows.size)));
  }
}

// The newest of the last hundred checks for each server.
async function readChecks() {
  if (!mayUse("ADMIN")) return new Map();
  const { auditEvents } = await ask(CHECKS);
  const ordered = [...auditEvents.nodes].sort((one, other) => Number(one.id) - Number(other.id));
  return new Map(ordered.map(({ objectId, at, after }) => [objectId, { at, ready: JSON.parse(after ?? "{}").ready ?? null }]));
}

const showAddress = ({ username, host, port, jumpServer }) =>
  h("span", { class: "stack tight" }, h("code", {}, `${username}@${host}:${port}`), jumpServer && h("small", { class: "faint" }, w("server_through"), " ", jumpServer.name));

const showEnabled = (enabled) => h("span", { class: `state ${enabled ? "success" : "cancelled"}` }, w(enabled ? "server_on" : "server_off"));

function showCheck(check) {
  if (check === null) return "–";
  const name = check.ready === null ? "check_unanswered" : check.ready ? "check_ready" : "check_not_ready";
  return h("span", { class: "stack tight" }, h("span", { class: `state ${check.ready ? "success" : "failed"}` }, w(name)), time(check.at));
}
