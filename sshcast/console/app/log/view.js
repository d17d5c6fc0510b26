// The log view: an execution's output, of whatever length. `new LogView({ executionId, signal })`, then `start()`; `element` is
// what a page shows. It opens at the end, or at the line that the address names (#L12, #L10-L20), and follows a run that goes on.

import { fill, h, w } from "/console/dom.js";
import { LogReader } from "/console/log/reader.js";
import { compilePattern, highlight, LogSearch } from "/console/log/search.js";
import { LogStore } from "/console/log/store.js";
import { buildCurlLine, copyText, download, MOST_COPIED, MOST_HELD, readSelection, readText } from "/console/log/take.js";
import { Toolbar } from "/console/log/toolbar.js";
import { Viewport } from "/console/log/viewport.js";
import { openDialog } from "/console/parts/dialog.js";
import { isFinal } from "/console/parts/state.js";
import { WORDS } from "/console/words/log.js";
import { addWords, word } from "/playground/words.js";

addWords(WORDS);
const KEY = "sshcast.log";
const STATUS_MS = 500;

export class LogView {
  // `isLinked`: whether the address names lines of this log; `onEnd` is told when the run has ended. `onFacts` is told, before
  // the first painting, the execution with the fields of `selection`: one request answers for the page and its log.
  constructor({ executionId, signal, isLinked = true, selection = "", onFacts = () => {}, onEnd = () => {} }) {
    Object.assign(this, { id: executionId, signal, isLinked, onFacts, onEnd });
    this.options = { wrap: false, times: false, streams: false, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
    this.reader = new LogReader(executionId, selection);
    this.store = new LogStore(this.reader, { onPage: (error) => this.showPage(error) });
    this.connection = null;
    this.build();
    this.viewport = new Viewport({ scroller: this.scroller, spacer: this.spacer, layer: this.layer, store: this.store, onMove: (isAtEnd) => this.moved(isAtEnd) });
    this.search = new LogSearch(this.reader, { onChange: () => this.showSearch() });
    this.listen();
  }

  build() {
    const act = {
      search: (wanted, step) => this.find(wanted, step),
      step: (by) => this.step(by),
      toggle: (name, isOn) => this.toggle(name, isOn),
      mark: (from, to) => this.mark(from, to, { show: true }),
      copy: () => this.copy(),
      download: () => this.download(),
    };
    this.toolbar = new Toolbar({ options: this.options, act });
    this.layer = h("div", { class: "log-rows" });
    this.spacer = h("div", { class: "log-space" }, this.layer);
    this.probe = h("span", { class: "log-probe", "aria-hidden": "true" }, "0".repeat(100));
    this.scroller = h("div", { class: "log-scroll", tabindex: "0", role: "region", label: "log" }, this.spacer, this.probe);
    this.empty = h("p", { class: "log-empty", hidden: true });
    this.toEnd = h("button", { type: "button", class: "primary to-end", hidden: true, onclick: () => this.viewport.showEnd() }, w("log_end"));
    this.body = h("div", { class: "log-body" }, this.scroller, this.empty, this.toEnd);
    this.element = h("section", { class: "log", label: "log" }, this.toolbar.element, this.body);
    this.showOptions();
  }

  listen() {
    const { signal } = this;
    new ResizeObserver(() => this.layOut()).observe(this.scroller);
    this.layer.addEventListener("click", (event) => this.clickNumber(event));
    this.scroller.addEventListener("copy", (event) => this.copySelection(event));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target.matches("input")) return;
      event.preventDefault();
      this.toolbar.input.focus();
    });
    signal?.addEventListener("abort", () => highlight(this.layer, null, null), { once: true });
  }

  // Shows the end of the output, or the lines that the address names, and follows what comes. Resolves once it is painted, to
  // whether there is such an execution.
  async start() {
    this.facts = await this.store.begin();
    if (!this.facts || this.signal?.aborted) return false;
    this.onFacts(this.facts);
    this.showStatus();
    this.layOut();
    this.followHash();
    this.viewport.paintNow();
    await new Promise((painted) => requestAnimationFrame(painted));
    if (isFinal(this.facts.state)) return true;
    this.connection = "live";
    this.reader.follow(this.facts.output.endCursor, {
      signal: this.signal,
      onChunk: (chunk) => this.addChunk(chunk),
      onState: (state) => (this.facts = { ...this.facts, state }), // a copy: the first ones are the page's too
      onConnection: (connection) => this.showConnection(connection),
      onEnd: (event) => this.end(event),
    });
    this.showStatus();
    return true;
  }

  addChunk(chunk) {
    this.store.addChunk(chunk);
    this.viewport.schedule();
    this.statusTimer ??= setTimeout(() => {
      this.statusTimer = null;
      this.showStatus();
    }, STATUS_MS);
  }

  // What was left out at the output limit is known now: the lines behind it get their numbers.
  async end(event) {
    this.connection = null;
    this.facts = await this.reader.readFacts().catch(() => ({ ...this.facts, state: event.state }));
    if (this.facts?.outputGap) {
      await this.store.begin();
      this.viewport.forget();
    }
    this.showStatus();
    this.onEnd(event);
  }

  showConnection(connection) {
    this.connection = connection;
    this.showStatus();
  }

  showPage(error) {
    if (error) this.toolbar.tell(error.message);
    this.viewport.schedule();
  }

  showStatus() {
    const count = this.store.total;
    const state = this.connection === "reconnecting" ? word("reconnecting_page") : word(this.connection === "live" ? "log_live" : "log_ended");
    this.toolbar.showStatus(`${fill(word("log_lines"), { count: count.toLocaleString() })} · ${state}`);
    this.empty.hidden = count > 0;
    this.empty.textContent = word(this.connection ? "log_empty_yet" : "log_empty");
    this.element.dataset.connection = this.connection ?? "ended";
    const digits = Math.max(3, String(count).length);
    if (digits === this.digits) return;
    this.digits = digits;
    this.scroller.style.setProperty("--digits", digits);
    this.layOut();
  }

  // How many cells of text a row has, if lines are wrapped.
  layOut() {
    this.viewport.schedule();
    if (!this.options.wrap) return this.viewport.setColumns(null);
    const cell = this.probe.getBoundingClientRect().width / 100;
    const beside = (this.digits ?? 3) + 3 + (this.options.times ? 14 : 0) + (this.options.streams ? 5 : 0);
    const room = Math.floor(this.scroller.clientWidth / cell) - beside - 1;
    this.viewport.setColumns(cell ? Math.max(8, room) : null);
  }

  toggle(name, isOn) {
    this.options[name] = isOn;
    localStorage.setItem(KEY, JSON.stringify(this.options));
    this.showOptions();
    this.layOut();
  }

  showOptions() {
    for (const [name, isOn] of Object.entries(this.options)) this.scroller.classList.toggle(name, isOn);
  }

  moved(isAtEnd) {
    this.toEnd.hidden = isAtEnd && this.viewport.following;
    if (isAtEnd && !this.connection) this.toEnd.hidden = true;
    highlight(this.layer, this.pattern ?? null, this.search.current);
  }

  // Marks lines and, with `show`, goes there. The address names them, so that it can be passed on.
  mark(from, to, { show = false } = {}) {
    const last = this.store.total;
    this.viewport.marked = { from: Math.min(from, to, last), to: Math.min(Math.max(from, to), last) };
    const { marked } = this.viewport;
    if (this.isLinked) history.replaceState(null, "", location.pathname + location.search + (marked.from === marked.to ? `#L${marked.from}` : `#L${marked.from}-L${marked.to}`));
    if (show) this.viewport.show(marked.from);
    this.viewport.refresh();
  }

  followHash() {
    const asked = this.isLinked && /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
    if (asked && this.store.total) this.mark(Number(asked[1]), Number(asked[2] ?? asked[1]), { show: true });
  }

  clickNumber(event) {
    const link = event.target.closest("a.log-no");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    const number = Number(link.dataset.n);
    const from = event.shiftKey && this.viewport.marked ? this.viewport.marked.from : number;
    this.mark(from, number);
  }

  async find(wanted, step) {
    const isSame = JSON.stringify(wanted) === JSON.stringify(this.search.wanted);
    if (isSame && !this.search.error) return this.step(step);
    this.pattern = wanted.pattern ? compilePattern(wanted) : null;
    this.viewport.current = null;
    this.viewport.refresh();
    if (!wanted.pattern) return this.search.clear();
    await this.search.begin(wanted);
    this.showMatch();
  }

  async step(by) {
    if (!this.search.wanted) return this.toolbar.search(by);
    await this.search.go(by);
    this.showMatch();
  }

  showMatch() {
    const { current } = this.search;
    this.viewport.current = current;
    if (current !== null) this.viewport.show(current);
    this.viewport.refresh();
  }

  showSearch() {
    if (this.search) this.toolbar.showSearch(this.search);
  }

  copySelection(event) {
    const text = readSelection(this.layer);
    if (text === null) return;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  }

  async copy() {
    const { marked } = this.viewport;
    try {
      const isLong = !marked && (await this.measure()) > MOST_COPIED;
      const text = isLong ? null : await readText(this.reader, marked ?? {});
      if (text !== null) await copyText(text);
      this.toolbar.tell(w(text === null ? "log_copy_too_long" : "log_copied"));
    } catch (error) {
      this.toolbar.tell(error.message);
    }
  }

  async measure() {
    const facts = await this.reader.readFacts();
    return facts.stdoutBytes + facts.stderrBytes - (facts.outputGap?.bytes ?? 0);
  }

  async download() {
    try {
      const size = await this.measure();
      if (size <= MOST_HELD) return await download(this.id);
      const about = fill(word("log_too_large"), { size: Math.ceil(size / 1024 / 1024).toLocaleString() });
      const close = h("button", { type: "button", onclick: () => dialog.close() }, w("close"));
      const dialog = openDialog(w("log_download"), h("p", {}, about), h("pre", { class: "curl mono" }, buildCurlLine(this.id)), h("p", { class: "actions" }, close));
    } catch (error) {
      this.toolbar.tell(error.message);
    }
  }
}
