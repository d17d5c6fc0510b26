// A text field that finds an object by its name as one types: the service is asked for names, never for all of them.

import { ask } from "/console/ask.js";
import { h, put } from "/console/dom.js";

const FOUND = 20;
const QUIET_MS = 150;
const KINDS = {
  server: {
    find: `query ($name: String!) { found: servers(first: ${FOUND}, filter: {nameContains: $name}) { nodes { id name viewerRole } } }`,
    name: "query ($id: ID!) { found: server(id: $id) { id name } }",
  },
  task: {
    find: `query ($name: String!) { found: tasks(first: ${FOUND}, filter: {nameContains: $name}) { nodes { id name } } }`,
    name: "query ($id: ID!) { found: task(id: $id) { id name } }",
  },
};

// `onPick(id or null)` is called when a name was chosen, or the field was emptied. `element` is the input, `list` belongs beside it.
export class Picker {
  constructor(kind, { id = null, onPick = () => {}, attributes = {} } = {}) {
    this.kind = KINDS[kind];
    this.id = id;
    this.onPick = onPick;
    this.found = new Map();
    this.list = h("datalist", { id: `pick-${kind}-${Math.random().toString(36).slice(2, 8)}` });
    this.element = h("input", { type: "text", autocomplete: "off", spellcheck: "false", list: this.list.id, oninput: () => this.type(), onfocus: () => this.find(), onchange: () => this.settle(), ...attributes });
    this.element.setAttribute("list", this.list.id);
    if (id) this.showName();
  }

  async showName() {
    const { found } = await ask(this.kind.name, { id: this.id }).catch(() => ({ found: null }));
    this.element.value = found ? found.name : `#${this.id}`;
  }

  type() {
    clearTimeout(this.timer);
    const id = this.found.get(this.element.value);
    if (id || !this.element.value) return this.pick(id ?? null);
    this.pick(null);
    this.timer = setTimeout(() => this.find(), QUIET_MS);
  }

  async find() {
    const name = this.found.has(this.element.value) ? "" : this.element.value;
    const { found } = await ask(this.kind.find, { name }).catch(() => ({ found: { nodes: [] } }));
    const names = found.nodes.map((each) => each.name);
    this.found = new Map(found.nodes.map((each) => [names.indexOf(each.name) === names.lastIndexOf(each.name) ? each.name : `${each.name} (#${each.id})`, each.id]));
    put(this.list, [...this.found.keys()].map((value) => h("option", { value })));
    const id = this.found.get(this.element.value);
    if (id) this.pick(id);
  }

  // A name that was typed whole, and not chosen, counts too.
  async settle() {
    clearTimeout(this.timer);
    if (this.element.value && !this.id) await this.find();
  }

  pick(id) {
    if (id === this.id) return;
    this.id = id;
    this.onPick(id);
  }
}
