// The answers of a fleet run in groups of equal ones, each with its output and its servers.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { check, select } from "/console/parts/form.js";
import { stateBadge } from "/console/parts/state.js";
import { link, reasonOf } from "/console/runs/rows.js";
import { Terminal } from "/playground/terminal.js";
import { word } from "/playground/words.js";

const PAGE = 10;
const NAMED = 100;
const GROUPS = `query ($id: ID!, $after: String, $smallest: Boolean!, $normalize: OutputNormalization!, $stream: OutputStream) { fleetRun(id: $id) {
  outputGroups(first: ${PAGE}, after: $after, smallestFirst: $smallest, normalize: $normalize, stream: $stream) { totalCount
    nodes { size state exitCode isComplete text normalizedText executions(first: ${NAMED}) { nodes { id state reason exitCode server { name } } } }
    pageInfo { hasNextPage endCursor } } } }`;

export class FleetGroups {
  constructor(id) {
    this.id = id;
    this.smallest = check({ onchange: () => this.load() });
    this.normalize = check({ onchange: () => this.load() });
    this.stream = select([["", "fleet_both"], ["STDOUT", "fleet_stdout"], ["STDERR", "fleet_stderr"]], { onchange: () => this.load() });
    this.list = h("div", { class: "groups" });
    this.title = h("h3", {}, w("fleet_groups"));
    this.error = h("p", { class: "error", role: "alert" });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.readMore() }, w("more"));
    const bar = h("div", { class: "filters" }, h("label", {}, this.smallest, w("fleet_outliers")), h("label", {}, this.normalize, w("fleet_normalize")), h("label", {}, w("fleet_stream"), this.stream));
    this.element = h("section", { class: "panel" }, this.title, bar, this.error, this.list, this.more);
    this.asked = 0;
  }

  async load() {
    this.hasMore = false;
    await this.read(null).catch((error) => put(this.error, error.message));
  }

  // The first page anew, unless further ones are shown: those stay as they were read.
  refresh() {
    return this.hasMore ? Promise.resolve() : this.read(null);
  }

  readMore() {
    this.hasMore = true;
    return this.read(this.after).catch((error) => put(this.error, error.message));
  }

  async read(after) {
    const mine = ++this.asked;
    const shape = { smallest: this.smallest.checked, normalize: this.normalize.checked ? "HOSTS_TIMES_NUMBERS" : "NONE", stream: this.stream.value || null };
    const { fleetRun } = await ask(GROUPS, { id: this.id, after, ...shape });
    if (mine !== this.asked || !fleetRun) return;
    const { nodes, pageInfo, totalCount } = fleetRun.outputGroups;
    put(this.error);
    put(this.title, w("fleet_groups"), ` (${totalCount})`);
    this.after = pageInfo.endCursor;
    this.more.hidden = !pageInfo.hasNextPage;
    if (after) this.list.append(...nodes.map((each) => this.build(each)));
    else this.replace(nodes);
  }

  // Groups that are as they were keep their elements, with where they are scrolled to and what is selected in them.
  replace(nodes) {
    const known = new Map([...this.list.children].map((element) => [element.dataset.key, element]));
    const shown = nodes.map((each) => known.get(JSON.stringify(each)) ?? this.build(each));
    const isSame = shown.length === this.list.children.length && shown.every((each, at) => each === this.list.children[at]);
    if (!isSame) put(this.list, shown.length ? shown : h("p", { class: "empty" }, w("fleet_no_answer")));
  }

  build(group) {
    const { size, state, isComplete, executions, text, normalizedText } = group;
    const output = h("pre", { class: "answer", tabIndex: 0, role: "group", label: "output" });
    const shown = (this.normalize.checked && normalizedText) || text;
    if (shown) new Terminal(output).write("stdout", shown);
    output.scrollTop = 0;
    const names = executions.nodes.map(({ id, server }) => h("span", {}, link(`/executions/${id}`, server?.name ?? `#${id}`)));
    const left = size - names.length;
    return h(
      "article",
      { class: "group", data: { key: JSON.stringify(group) } },
      h("div", { class: "head" }, h("h4", {}, w("fleet_group_of", { count: size })), stateBadge(state), h("span", { class: "faint" }, tellReasons(group)), !isComplete && h("span", { class: "tag" }, w("fleet_so_far"))),
      h("p", { class: "names", tabIndex: 0, role: "group", label: "servers" }, names, left > 0 && h("span", { class: "faint" }, w("fleet_and_more", { count: left }))),
      shown ? output : h("p", { class: "faint" }, w("fleet_wrote_nothing")),
    );
  }
}

// How they ended: the exit status that they have in common, or the reasons of those that are named.
function tellReasons({ exitCode, executions }) {
  if (exitCode !== null) return `${word("reason_EXIT_STATUS")} ${exitCode}`;
  return [...new Set(executions.nodes.map(reasonOf).filter(Boolean))].join(", ");
}
