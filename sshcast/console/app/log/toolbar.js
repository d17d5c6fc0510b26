// The tools above a log: search, what is shown of a line, going to a line, copying and downloading.

import { fill, h, put, w } from "/console/dom.js";
import { word } from "/playground/words.js";

// `act`: what each tool calls. `options`: { wrap, times, streams }, as they are when it is made.
export class Toolbar {
  constructor({ options, act }) {
    this.act = act;
    this.input = h("input", { type: "search", label: "log_search", placeholder: "log_search", spellcheck: "false", autocomplete: "off", maxlength: "1000" });
    this.count = h("span", { class: "count", role: "status" });
    this.ignoreCase = h("button", { type: "button", class: "toggle", hint: "log_case", label: "log_case", "aria-pressed": "false" }, "Aa");
    this.expression = h("button", { type: "button", class: "toggle", hint: "log_expression", label: "log_expression", "aria-pressed": "false" }, ".*");
    this.status = h("span", { class: "facts-line", role: "status" });
    this.news = h("span", { class: "news", role: "status" });
    this.line = h("input", { class: "line", inputmode: "numeric", label: "log_line_about", hint: "log_line_about", placeholder: "log_line", autocomplete: "off", onkeydown: (event) => this.goToLine(event) });
    this.element = h("div", { class: "log-bar", role: "group", label: "log_tools" }, this.buildSearch(), this.buildToggles(options), this.buildTools());
    this.listen();
  }

  buildSearch() {
    const step = (name, by, sign) => h("button", { type: "button", class: "quiet", hint: name, label: name, onclick: () => this.act.step(by) }, sign);
    return h("div", { class: "bar search" }, this.input, this.ignoreCase, this.expression, step("log_previous", -1, "↑"), step("log_next", 1, "↓"), this.count);
  }

  buildToggles(options) {
    return h("div", { class: "bar" }, ["wrap", "times", "streams"].map((name) =>
      h("button", { type: "button", class: "toggle", "aria-pressed": String(options[name]), data: { toggle: name }, onclick: (event) => {
        this.act.toggle(name, this.flip(event.currentTarget));
      } }, w(`log_${name}`)),
    ));
  }

  buildTools() {
    return h("div", { class: "bar end" }, this.news, this.status, this.line,
      h("button", { type: "button", hint: "log_copy_about", data: { tool: "copy" }, onclick: () => this.act.copy() }, w("log_copy")),
      h("button", { type: "button", data: { tool: "download" }, onclick: () => this.act.download() }, w("log_download")),
    );
  }

  listen() {
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.search(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.input.value = "";
      if (event.key === "Escape") this.search(1);
    });
    this.input.addEventListener("search", () => this.input.value || this.search(1)); // the field's own cross
    for (const button of [this.ignoreCase, this.expression]) {
      button.addEventListener("click", () => {
        this.flip(button);
        if (this.input.value) this.search(1);
      });
    }
  }

  flip(button) {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    return isOn;
  }

  search(step) {
    const isOn = (button) => button.getAttribute("aria-pressed") === "true";
    this.act.search({
      pattern: this.input.value,
      syntax: isOn(this.expression) ? "RE2" : "LITERAL",
      ignoreCase: !isOn(this.ignoreCase),
    }, step);
  }

  goToLine(event) {
    const asked = /^\s*L?(\d+)(?:\s*-\s*L?(\d+))?\s*$/.exec(this.line.value);
    if (event.key !== "Enter" || !asked) return;
    this.act.mark(Number(asked[1]), Number(asked[2] ?? asked[1]));
  }

  showSearch(search) {
    const { numbers, index, isComplete, error, wanted } = search;
    let text = "";
    if (error) text = error.message;
    else if (wanted && numbers.length) {
      const count = numbers.length.toLocaleString() + (isComplete ? "" : "+");
      text = fill(word("log_count"), { index: (index + 1).toLocaleString(), count });
    } else if (wanted) text = word(isComplete ? "log_no_match" : "log_searching");
    if (this.count.textContent !== text) this.count.textContent = text;
    this.count.classList.toggle("error", Boolean(error));
  }

  showStatus(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  tell(...parts) {
    put(this.news, ...parts);
  }
}
