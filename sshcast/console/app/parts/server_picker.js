// A field in which one types a part of a server's name and chooses it; no more than twenty are loaded at a time.

import { ask } from "/console/ask.js";
import { h, put } from "/console/dom.js";
import { text } from "/console/parts/form.js";
import { WORDS } from "/console/words/fields.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);

const FIND = "query ($name: String) { servers(first: 20, filter: {nameContains: $name}, orderBy: {field: NAME}) { nodes { id name host } } }";
let pickersMade = 0;

export class ServerPicker {
  // `server`: { id, name } that is chosen at first, or null.
  constructor(server = null, attributes = {}) {
    const list = `servers-${(pickersMade += 1)}`;
    this.known = new Map(server ? [[server.name, server.id]] : []);
    this.options = h("datalist", { id: list });
    this.control = text({ list, ...attributes, oninput: () => this.look() });
    this.control.value = server?.name ?? "";
    this.control.addEventListener("focus", () => this.look(), { once: true });
  }

  // Reads what the service has under this text, and offers it.
  async look() {
    const typed = this.control.value;
    const { servers } = await ask(FIND, { name: typed });
    for (const server of servers.nodes) this.known.set(server.name, server.id);
    put(this.options, servers.nodes.map((server) => h("option", { value: server.name }, server.host)));
    if (typed === this.control.value) this.control.dispatchEvent(new CustomEvent("picked", { bubbles: true }));
  }

  // The id of the server whose name is in the field: null where it is empty or not known yet.
  get id() {
    return this.known.get(this.control.value.trim()) ?? null;
  }

  // The same, asked of the service first; an Error where no server has that name.
  async resolve() {
    if (!this.control.value.trim()) return null;
    if (this.id === null) await this.look();
    if (this.id === null) throw new Error(word("picker_unknown"));
    return this.id;
  }
}
