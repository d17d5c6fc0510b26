// The list of examples: found by a word, walked with the arrow keys, filled with the ids of what was just made.

import { spoken, word } from "/playground/words.js";

const KINDS = ["query", "mutation", "subscription"];

export const kindOf = (query) =>
  KINDS.find((kind) => new RegExp(`^\\s*(#.*\\s*)*${kind}\\b`).test(query)) ?? KINDS[0];

export class Examples {
  // `onChoose` gets the example with its variables filled in.
  constructor({ list, search, onChoose }) {
    Object.assign(this, { list, search, onChoose, examples: [], made: {}, chosen: null });
    search.oninput = () => this.show();
    list.onkeydown = (event) => this.walk(event);
    search.onkeydown = (event) => this.walk(event);
  }

  async load(first) {
    this.examples = await (await fetch("/playground/examples.json")).json();
    this.show();
    const example = this.examples.find(({ name }) => name === first);
    if (example) this.choose(example, false);
  }

  show() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = this.examples.filter((example) => textOf(example).includes(wanted));
    this.list.replaceChildren();
    let group = "";
    for (const example of found) {
      if (example.name[0] !== group) this.list.append(heading((group = example.name[0])));
      this.list.append(this.item(example));
    }
  }

  item(example) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.name = example.name;
    const about = document.createElement("span");
    about.textContent = example.about[spoken()] || example.about.en || example.name;
    const kind = document.createElement("span");
    kind.className = `kind ${kindOf(example.query)}`;
    kind.textContent = kindOf(example.query)[0].toUpperCase();
    kind.title = kindOf(example.query);
    button.append(kind, about);
    button.onclick = () => this.choose(example);
    if (example === this.chosen) button.setAttribute("aria-current", "true");
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  // `byHand` is false for the example that the page opens with.
  choose(example, byHand = true) {
    this.chosen = example;
    for (const button of this.list.querySelectorAll("button")) {
      if (button.dataset.name === example.name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const variables = structuredClone(example.variables);
    for (const name of Object.keys(variables)) if (name in this.made) variables[name] = this.made[name];
    this.onChoose({ ...example, variables }, byHand);
  }

  // The example of this name, with these variables.
  open(name, variables) {
    Object.assign(this.made, variables);
    this.search.value = "";
    this.show();
    this.choose(this.examples.find((example) => example.name === name));
  }

  // Later examples are filled with the ids that mutations answered with: of servers, tasks and executions.
  remember(query, data) {
    if (kindOf(query) !== "mutation") return;
    for (const payload of Object.values(data ?? {})) {
      for (const kind of ["server", "task", "execution"]) {
        if (payload?.[kind]?.id) this.made[`${kind}Id`] = payload[kind].id;
      }
    }
  }

  walk(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const stops = [this.search, ...this.list.querySelectorAll("button")];
    const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    stops[Math.max(0, Math.min(next, stops.length - 1))].focus();
  }
}

const textOf = (example) => `${example.name} ${example.about.en} ${example.about.zh}`.toLowerCase();

function heading(group) {
  const item = document.createElement("li");
  item.className = "group";
  item.textContent = word(`group_${group}`);
  return item;
}
