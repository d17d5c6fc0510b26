// Servers: which there are, whether runs may start on them, and the form of a new one.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { refreshOnEvents } from "/console/parts/follow.js";
import { tags } from "/console/parts/labelled.js";
import { buildFilters, List, readFilters, toFilter } from "/console/parts/list.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { go, mayUse } from "/console/router.js";
import { buildServerForm } from "/console/servers/form.js";
import { WORDS } from "/console/words/servers.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const FILTERS = { tag: "server_tag", enabled: "state", on: "server_on", off: "server_off" };
const LIST = `query ($first: Int!, $after: String, $filter: ServerFilter) {
  servers(first: $first, after: $after, filter: $filter, orderBy: {field: NAME}) {
    nodes { id name host port username tags enabled jumpServer { id name } viewerRole } pageInfo { hasNextPage endCursor } } }`;
// The audit has what came of checks; it is for admins.
const CHECKS = `{ auditEvents(last: 100, filter: {kinds: [SERVER_CHECKED]}) { nodes { id objectId at after } } }`;
const KINDS = ["SERVER_CREATED", "SERVER_UPDATED", "SERVER_DELETED"];

export async function open(place, { query, signal }) {
  if (query.has("new")) return openNew(place);
  const filters = readFilters(query);
  const list = buildList(filters);
  const add = mayUse("ADMIN") && h("a", { class: "button primary", href: "/servers?new=1" }, w("server_new"));
  put(place, h("div", { class: "head" }, h("h2", {}, w("servers")), add), buildFilters(filters, FILTERS, () => list.load()), list.element);
  await list.load();
  if (!signal.aborted) refreshOnEvents({ kinds: KINDS }, () => list.refresh(), signal);
}

function openNew(place) {
  const form = buildServerForm(null, (id) => go(`/servers/${id}`));
  const head = h("div", { class: "head" }, h("h2", {}, w("server_new")), h("a", { class: "button", href: "/servers" }, w("cancel")));
  put(place, head, h("div", { class: "panel narrow" }, form));
}

function buildList(filters) {
  const columns = [
    { word: "name", cell: (server) => h("a", { href: `/servers/${server.id}` }, server.name) },
    { word: "server_address", cell: showAddress },
    { word: "server_tags_short", cell: (server) => (server.tags.length ? tags(server.tags) : "–") },
    { word: "state", cell: (server) => showEnabled(server.enabled) },
    mayUse("ADMIN") && { word: "server_last_check", cell: (server) => showCheck(server.check) },
  ];
  async function read(first, after) {
    const [{ servers }, checks] = await Promise.all([ask(LIST, { first, after, filter: toFilter(filters) }), readChecks()]);
    return { ...servers, nodes: servers.nodes.map((server) => ({ ...server, check: checks.get(server.id) ?? null })) };
  }
  return new List(new Table(columns.filter(Boolean), { caption: "servers" }), read);
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
