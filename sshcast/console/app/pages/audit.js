// The audit, for admins: newest first and live, filters by who, action, object and time, older ones by cursor.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { COLUMNS } from "/console/admin/audit_entry.js";
import { AuditFilters, matches } from "/console/admin/audit_filters.js";
import { buildLive, follow } from "/console/parts/follow.js";
import { Pager } from "/console/parts/pager.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { WORDS } from "/console/words/audit.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

const PAGE = 50;
// So many rows stay on the first page while new ones come in.
const MOST_ROWS = 300;
const FIELDS = "id at kind actor actorId address objectKind objectId before after hash previous";
const LIST = `query ($after: String, $filter: AuditEventFilter) { auditEvents(first: ${PAGE}, after: $after, filter: $filter) {
  nodes { ${FIELDS} } pageInfo { hasNextPage endCursor } } }`;
const LIVE = `subscription ($after: ID) { auditTrail(after: $after) { cursor: id ${FIELDS} } }`;
const HEAD = "{ auditEvents(first: 1) { nodes { id } } }";

export async function open(place, { query, signal }) {
  const page = new AuditPage(query, signal);
  put(place, h("div", { class: "head" }, h("h2", {}, w("audit")), page.live.element), page.filters.element, page.chain, page.table.element, page.pager.element);
  await page.begin();
}

class AuditPage {
  constructor(query, signal) {
    this.signal = signal;
    this.live = buildLive();
    this.chain = h("div", { class: "chain faint", role: "status" });
    this.table = new Table([{ word: "audit_at", class: "short", cell: ({ at }) => time(at) }, ...COLUMNS], { caption: "audit", empty: "audit_none" });
    this.filters = new AuditFilters(query, () => this.pager.goFirst());
    this.pager = new Pager((after) => this.load(after));
  }

  async begin() {
    const { auditEvents } = await ask(HEAD);
    await Promise.all([this.pager.goFirst(), this.filters.listUsers()]);
    const { live, signal } = this;
    follow(LIVE, {}, { after: auditEvents.nodes[0]?.id ?? null, signal, onEvent: (entry) => this.take(entry), onGap: () => this.pager.goFirst(), onState: live.show });
  }

  async load(after) {
    const { auditEvents } = await ask(LIST, { after, filter: this.filters.read() });
    this.entries = auditEvents.nodes;
    this.table.show(this.entries);
    this.showChain();
    return auditEvents.pageInfo;
  }

  // A new entry, at the top of the first page if it is one that is looked for.
  take(entry) {
    if (!this.pager.isFirst || this.table.rows.has(entry.id) || !matches(entry, this.filters.read())) return;
    if (this.entries.length >= MOST_ROWS) return void this.pager.goFirst();
    this.entries = [entry, ...this.entries];
    this.table.update(entry);
    this.showChain();
  }

  // Whether each entry on the page names the hash of the one before it; the service's command checks all of them.
  showChain() {
    const verify = h("p", {}, w("audit_verify"), " ", h("code", {}, "sshcast audit verify"));
    if (this.filters.isAny) return put(this.chain, h("p", {}, w("audit_filtered")), verify);
    const broken = this.entries.find((entry, at) => at + 1 < this.entries.length && entry.previous !== this.entries[at + 1].hash);
    const said = broken ? h("p", { class: "error" }, w("audit_broken", { id: broken.id })) : h("p", { class: "linked" }, w("audit_linked", { count: this.entries.length }));
    put(this.chain, said, verify);
  }
}
