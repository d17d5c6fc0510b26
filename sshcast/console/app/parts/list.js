// A list of objects in a table: filters that stand in the address, a button that reads on below, and its rows kept as they are.

import { h } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { select, text } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { filter } from "/console/parts/labelled.js";
import { keepQuery } from "/console/router.js";

const PAGE = 25;
const MOST = 100; // of one answer

// What the address says of the filters of `buildFilters`.
export const readFilters = (query) => ({ name: query.get("name") ?? "", tag: query.get("tag") ?? "", enabled: query.get("enabled") ?? "" });

// The same as the service is asked: TaskFilter or ServerFilter.
export const toFilter = ({ name, tag, enabled }) => ({ nameContains: name || null, tagsAny: tag ? [tag] : null, enabled: enabled ? enabled === "true" : null });

// Fields for a part of the name, a tag, and whether it is enabled. `words` names the last two and the two states.
export function buildFilters(filters, words, load) {
  const later = debounce(load);
  const set = (name) => (event) => {
    filters[name] = event.target.value.trim();
    keepQuery(filters);
    later();
  };
  const name = text({ type: "search", value: filters.name, oninput: set("name") });
  const tag = text({ value: filters.tag, oninput: set("tag") });
  const enabled = select([["", "all"], ["true", words.on], ["false", words.off]], { onchange: set("enabled") });
  enabled.value = filters.enabled;
  return h("div", { class: "filters", role: "search" }, filter("name", name), filter(words.tag, tag), filter(words.enabled, enabled));
}

// `read(first, after)` resolves to a connection: { nodes, pageInfo }.
export class List {
  constructor(table, read) {
    this.table = table;
    this.read = read;
    this.more = actionButton("more", () => this.loadMore(), { hidden: true });
    this.asked = 0;
    this.element = h("div", { class: "stack" }, table.element, h("div", { class: "bar" }, this.more));
  }

  load() {
    return this.show(PAGE, null, (rows) => this.table.refresh(rows));
  }

  loadMore() {
    return this.show(PAGE, this.end, (rows) => this.table.append(rows));
  }

  // Reads what is shown again: as one page, so a list that has been read on beyond the largest page stays as it is.
  async refresh() {
    if (this.table.size <= MOST) await this.show(Math.max(PAGE, this.table.size), null, (rows) => this.table.refresh(rows));
  }

  // An answer that a later question has overtaken is dropped.
  async show(first, after, take) {
    const mine = ++this.asked;
    const { nodes, pageInfo } = await this.read(first, after);
    if (mine !== this.asked) return;
    take(nodes);
    this.end = pageInfo.endCursor;
    this.more.hidden = !pageInfo.hasNextPage;
  }
}
