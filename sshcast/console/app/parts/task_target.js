// The part of a task's form that says where it runs: on one server, or on those that a selector finds at each slot.

import { ask } from "/console/ask.js";
import { fill, h, put, w } from "/console/dom.js";
import { debounce } from "/console/parts/debounce.js";
import { field, select, text } from "/console/parts/form.js";
import { ServerPicker } from "/console/parts/server_picker.js";
import { splitList } from "/console/parts/task_parameters.js";
import { word } from "/playground/words.js";

const MATCHES = `query ($filter: ServerFilter) { servers(first: 3, filter: $filter) { totalCount nodes { name } } }`;
const TAGS = ["tagsAll", "tagsAny", "tagsNone"];
const filled = (control, value) => Object.assign(control, { value: value ?? "" });

// `read()` gives { serverId } or { selector, fleet }, of what is chosen; `resolve()` asks the service for a name that is not known yet.
export function editTarget(task) {
  const picker = new ServerPicker(task?.server ?? null, { name: "serverId" });
  const kinds = ["server", "selector"].map((kind) => h("input", { type: "radio", name: "target", value: kind, checked: (kind === "selector") === Boolean(task?.selector) }));
  const isFleet = () => kinds[1].checked;
  const selector = editSelector(task);
  const terms = editFleetTerms(task?.fleet ?? null);
  const one = field("serverId", "server", picker.control);
  one.append(picker.options);
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
  const controls = Object.fromEntries(TAGS.map((name) => [name, filled(text(), selector?.[name]?.join(", "))]));
  controls.nameContains = filled(text(), selector?.nameContains);
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

function editFleetTerms(fleet) {
  const number = (value, attributes = {}) => filled(h("input", { type: "number", min: "0", ...attributes }), value?.toString());
  const units = (given) => filled(select([["number", "fleet_servers"], ["percent", "fleet_percent"]]), given?.percent != null ? "percent" : "number");
  const [batch, batchUnit] = [number(fleet?.batchSize?.number ?? fleet?.batchSize?.percent, { min: "1" }), units(fleet?.batchSize)];
  const [stop, stopUnit] = [number(fleet?.stopAfter?.number ?? fleet?.stopAfter?.percent, { min: "1" }), units(fleet?.stopAfter)];
  const pause = number(fleet?.pauseSeconds ?? 0, { max: "86400" });
  const refused = filled(select([["SKIP", "fleet_SKIP"], ["FAIL_ALL", "fleet_FAIL_ALL"]]), fleet?.onRefused ?? "SKIP");
  const counted = (control, unit, name) => (control.value === "" ? null : { [unit.value === "percent" ? "percent" : name]: Number(control.value) });
  const element = h(
    "div",
    { class: "columns" },
    field("batchSize", "fleet_batch", batch),
    field("batchUnit", "fleet_unit", batchUnit),
    field("pauseSeconds", "fleet_pause", pause),
    field("stopAfter", "fleet_stop", stop),
    field("stopUnit", "fleet_unit", stopUnit),
    field("onRefused", "fleet_refused", refused),
  );
  const read = () => ({
    batchSize: counted(batch, batchUnit, "servers"),
    stopAfter: counted(stop, stopUnit, "failures"),
    pauseSeconds: Number(pause.value || 0),
    onRefused: refused.value,
  });
  return { element, read };
}
