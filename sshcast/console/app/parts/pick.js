// A text field that finds an object by its name as one types: the service is asked for names, never for all of them.

import { ask, Refusal } from "/console/ask.js";
import { h, put } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { WORDS } from "/console/words/fields.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);

const QUIET_MS = 150;
const FILTERED = "first: 20, filter: {nameContains: $name}, orderBy: {field: NAME}";
const KINDS = {
  server: {
    find: `query ($name: String!) { found: servers(${FILTERED}) { nodes { id name host } } }`,
    name: "query ($id: ID!) { found: server(id: $id) { id name } }",
  },
  task: {
    find: `query ($name: String!) { found: tasks(${FILTERED}) { nodes { id name } } }`,
    name: "query ($id: ID!) { found: task(id: $id) { id name } }",
  },
};

// `element` is the input, `list` belongs beside it, `id` is what is chosen (null: nothing). `chosen` is { id, name } of what is
// chosen at first; where only its `id` is known, the service is asked for its name. `onPick(id or null)` is told of each choice.
export class Picker {
  constructor(kind, { id = null, chosen = null, onPick = () => {}, attributes = {} } = {}) {
    this.kind = kind;
    this.id = chosen?.id ?? id;
    this.onPick = onPick;
    this.found = new Map(chosen ? [[chosen.name, chosen.id]] : []);
    this.later = debounce(() => this.find(), QUIET_MS);
    this.list = h("datalist", { id: `pick-${kind}-${Math.random().toString(36).slice(2, 8)}` });
    this.element = h("input", { type: "text", autocomplete: "off", spellcheck: "false", oninput: () => this.type(), onfocus: () => this.find(), onchange: () => this.settle(), ...attributes });
    this.element.setAttribute("list", this.list.id);
    if (chosen) this.element.value = chosen.name;
    else if (id) this.showName();
  }

  async showName() {
    const { found } = await ask(KINDS[this.kind].name, { id: this.id }).catch(() => ({ found: null }));
    this.element.value = found ? found.name : `#${this.id}`;
  }

  type() {
    const id = this.found.get(this.element.value);
    this.pick(id ?? null);
    if (!id && this.element.value) this.later();
  }

  // Reads what the service has under this text, and offers it; an answer that a later text has overtaken is dropped.
  async find() {
    const typed = this.element.value;
    const name = this.found.has(typed) ? "" : typed.trim();
    const { found } = await ask(KINDS[this.kind].find, { name }).catch(() => ({ found: { nodes: [] } }));
    if (typed !== this.element.value) return;
    const names = found.nodes.map((each) => each.name);
    const isOnly = ({ name: own }) => names.indexOf(own) === names.lastIndexOf(own);
    const shown = found.nodes.map((each) => [isOnly(each) ? each.name : `${each.name} (#${each.id})`, each]);
    const kept = this.found.get(typed);
    this.found = new Map([...(kept ? [[typed, kept]] : []), ...shown.map(([text, { id }]) => [text, id])]);
    put(this.list, shown.map(([value, { host }]) => h("option", { value }, host)));
    const id = this.found.get(typed) ?? this.found.get(typed.trim());
    if (id) this.pick(id);
  }

  // A name that was typed whole, and not chosen, counts too.
  async settle() {
    if (this.element.value.trim() && !this.id) await this.find();
  }

  // The id of what is chosen, or null of an empty field. Throws Refusal where nothing has the name that stands there.
  async resolve() {
    await this.settle();
    if (this.element.value.trim() && !this.id) throw new Refusal([{ message: word(`picker_unknown_${this.kind}`), field: [this.element.name] }]);
    return this.id;
  }

  pick(id) {
    if (id === this.id) return;
    this.id = id;
    this.onPick(id);
  }
}
