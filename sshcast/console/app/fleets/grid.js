// A tile for each server of a fleet run: its state as a colour, a border and a sign, its name read out and shown on hovering.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { reasonOf } from "/console/runs/rows.js";
import { legible } from "/playground/answer.js";
import { word } from "/playground/words.js";

const PAGE = 100;
const MOST = 2000;
// So few have room for their names.
const FEW = 60;
const SIGNS = { SUCCESS: "✓", FAILED: "✗", TIMEOUT: "◔", CANCELLED: "⊘", RUNNING: "▶", PENDING: "…", WAITING: "·", REFUSED: "!", NOT_STARTED: "–" };
const MEMBERS = `query ($id: ID!, $after: String) { fleetRun(id: $id) { members(first: ${PAGE}, after: $after) { totalCount
  nodes { serverId state refusal message server { name } executionId execution { state reason exitCode } } pageInfo { hasNextPage endCursor } } } }`;

export class FleetGrid {
  constructor(id) {
    this.id = id;
    this.tiles = new Map();
    this.list = h("ul", { class: "tiles", label: "servers", onkeydown: (event) => this.move(event), onfocusin: ({ target }) => this.keepStop(target) });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.read(this.signal, MOST) }, w("more"));
    this.title = h("h3", {}, w("servers"));
    const used = Object.entries(SIGNS).map(([state, sign]) => h("span", {}, `${sign} `, w(nameOf(state))));
    this.element = h("section", { class: "panel" }, this.title, this.list, this.more, h("p", { class: "signs" }, used));
  }

  // All tiles anew, at most 2,000; a button brings more.
  async load(signal) {
    this.after = null;
    await this.read(signal, Math.max(MOST, this.tiles.size));
  }

  async read(signal, most) {
    this.signal = signal;
    for (let read = 0; read < most && !signal.aborted; read += PAGE) {
      const { fleetRun } = await ask(MEMBERS, { id: this.id, after: this.after });
      const { nodes, pageInfo, totalCount } = fleetRun.members;
      this.isFew = totalCount <= FEW;
      this.list.classList.toggle("few", this.isFew);
      put(this.title, w("servers"), ` (${totalCount.toLocaleString()})`);
      for (const member of nodes) this.show(toTile(member));
      this.after = pageInfo.endCursor;
      this.more.hidden = !pageInfo.hasNextPage;
      if (!pageInfo.hasNextPage) return;
    }
  }

  // What an event of an execution says of its server.
  update({ executionId, state, reason, execution: { serverId, exitCode } }) {
    const known = this.tiles.get(serverId);
    if (known) this.show({ ...known.tile, executionId, state, why: tellWhy({ state, reason, exitCode }) });
  }

  show(tile) {
    const known = this.tiles.get(tile.serverId);
    if (known && known.tile.state === tile.state && known.tile.why === tile.why && known.tile.executionId === tile.executionId) return;
    const hasFocus = known?.item.contains(document.activeElement);
    const item = known?.item ?? h("li");
    const isStop = this.stop ? item.contains(this.stop) : true;
    put(item, buildTile(tile, this.isFew));
    if (isStop) this.keepStop(item.firstElementChild);
    if (hasFocus) item.firstElementChild.focus({ preventScroll: true });
    if (!known) this.list.append(item);
    this.tiles.set(tile.serverId, { tile, item });
  }

  // One tile of the grid is a stop of the Tab key; the arrow keys go from tile to tile.
  keepStop(element) {
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = element;
    element.tabIndex = 0;
  }

  move(event) {
    const items = [...this.list.children];
    const across = items.filter(({ offsetTop }) => offsetTop === items[0].offsetTop).length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -items.length, End: items.length };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const at = items.findIndex((item) => item.contains(document.activeElement)) + steps[event.key];
    items[Math.max(0, Math.min(items.length - 1, at))].firstElementChild.focus();
  }
}

const tellWhy = (run) => reasonOf(run) ?? "";
const nameOf = (state) => (["WAITING", "REFUSED", "NOT_STARTED"].includes(state) ? `fleet_${state}` : `state_${state}`);

function toTile({ serverId, state, refusal, message, server, executionId, execution }) {
  const name = legible(server?.name ?? `#${serverId}`);
  if (execution) return { serverId, name, executionId, state: execution.state, why: tellWhy(execution) };
  const why = refusal ? `${word(`fleet_refusal_${refusal}`)}${message ? `: ${legible(message)}` : ""}` : "";
  return { serverId, name, executionId: null, state: state === "STARTED" ? "PENDING" : state, why };
}

// With its name to be seen where there is room: two elements less a tile matter where there are a thousand.
function buildTile({ name, executionId, state, why }, isFew) {
  const told = `${name}: ${word(nameOf(state))}${why ? `, ${why}` : ""}`;
  const shown = isFew ? [h("b", { "aria-hidden": "true" }, SIGNS[state]), h("span", { "aria-hidden": "true" }, name)] : SIGNS[state];
  const look = { class: `tile ${state.toLowerCase()}`, title: told, "aria-label": told, tabIndex: -1 };
  return executionId ? h("a", { ...look, href: `/executions/${executionId}` }, shown) : h("div", { ...look, role: "img" }, shown);
}
