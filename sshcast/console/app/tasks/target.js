// The part of a task's form that says where it runs: on one server, or on those that a selector finds at each slot.

import { ask } from "/console/ask.js";
import { fill, h, put, w } from "/console/dom.js";
import { editFleetTerms } from "/console/fleets/terms.js";
import { debounce } from "/console/parts/debounce.js";
import { field, fillControl, splitList, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { word } from "/playground/words.js";

const MATCHES = `query ($filter: ServerFilter) { servers(first: 3, filter: $filter) { totalCount nodes { name } } }`;
const TAGS = ["tagsAll", "tagsAny", "tagsNone"];

// `read()` gives { serverId } or { selector, fleet }, of what is chosen; `resolve()` asks the service for a name that is not known yet.
export function editTarget(task) {
  const tell = () => element.dispatchEvent(new Event("change"));
  const picker = new Picker("server", { chosen: task?.server ?? null, onPick: tell });
  const kinds = ["server", "selector"].map((kind) => h("input", { type: "radio", name: "target", value: kind, checked: (kind === "selector") === Boolean(task?.selector) }));
  const isFleet = () => kinds[1].checked;
  const selector = editSelector(task);
  const terms = editFleetTerms(task?.fleet);
  const one = field("serverId", "server", picker.element);
  one.append(picker.list);
  const many = h("div", { class: "stack" }, selector.element, terms.element);
  const show = () => {
    one.hidden = isFleet();
    many.hidden = !isFleet();
    if (isFleet()) selector.ask();
  };
  const choices = kinds.map((kind) => h("label", { class: "inline" }, kind, w(`task_on_${kind.value}`)));
  const element = h("fieldset", { onchange: show }, h("legend", {}, w("task_where")), h("div", { class: "bar" }, choices), one, many);
  show();
  return {
    element,
    get serverId() {
      return isFleet() ? null : picker.id;
    },
    resolve: async () => isFleet() || (await picker.resolve()),
    read: () => (isFleet() ? { selector: selector.read(), fleet: terms.read() } : { serverId: picker.id }),
  };
}

function editSelector(task) {
  const { selector } = task ?? {};
  const controls = Object.fromEntries(TAGS.map((name) => [name, fillControl(text(), selector?.[name]?.join(", "))]));
  controls.nameContains = fillControl(text(), selector?.nameContains);
  const found = h("p", { class: "faint", role: "status" });
  const read = () => {
    const tags = TAGS.map((name) => [name, splitList(controls[name].value)]).filter(([, list]) => list.length);
    const name = controls.nameContains.value;
    return { ...Object.fromEntries(tags), ...(name || tags.length === 0 ? { nameContains: name } : {}) };
  };
  const look = debounce(async (isLast) => {
    const { servers } = await ask(MATCHES, { filter: read() });
    if (!isLast()) return;
    const names = servers.nodes.map((server) => server.name).join(", ") + (servers.totalCount > 3 ? " …" : "");
    put(found, fill(word("task_matches"), { count: servers.totalCount, names }));
  });
  const names = [...TAGS, "nameContains"];
  const fields = names.map((name) => field(name, `selector_${name}`, controls[name]));
  const byIds = selector?.byIds && h("p", { class: "faint" }, w("task_by_ids"));
  const element = h("div", { class: "field stack", data: { field: "selector" }, oninput: look }, byIds, h("div", { class: "columns" }, fields), found, h("span", { class: "error", role: "alert" }));
  return { element, read, ask: look };
}
