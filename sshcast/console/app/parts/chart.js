// Bar charts as SVG. What is told apart by colour differs in pattern too, and a table holds the same figures.

import { h, put, w } from "/console/dom.js";
import { word } from "/playground/words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 120;
const PATTERN = "chart-hatch";

function build(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// `series`: [{ word, kind: "success" | "failed" | "rest" | "plain" | "mark", values }], one value a label. Bars are stacked; a series of
// the kind "mark" is drawn as a line across the bar at its own height. `labels` name the bars, of
// which the last ends now; `format` writes a value.
export function buildChart({ title, summary, labels, series, format }) {
  const bars = series.filter(({ kind }) => kind !== "mark");
  const tops = labels.map((_, at) => sum(bars.map(({ values }) => values[at] ?? 0)));
  const most = Math.max(...tops, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)), 0) || 1;
  const image = build("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}. ${summary}` });
  image.append(build("defs", {}, buildHatch()));
  const slot = WIDTH / labels.length;
  labels.forEach((label, at) => image.append(drawBar({ label, at, slot, most, series, format })));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("h3", {}, title), h("p", { class: "faint" }, summary)),
    h("p", { class: "legend", "aria-hidden": "true" }, series.map(({ kind, word: name }) => h("span", { class: `key ${kind}` }, w(name)))),
    h("p", { class: "most faint", "aria-hidden": "true" }, format(most)),
    image,
    h("p", { class: "axis faint", "aria-hidden": "true" }, [labels[0], labels[labels.length >> 1], word("chart_now")].map((label) => h("span", {}, label))),
    buildFigures(title, labels, series, format),
  );
}

const sum = (values) => values.reduce((whole, value) => whole + value, 0);

function buildHatch() {
  const stripes = { id: PATTERN, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  return build("pattern", stripes, build("rect", { width: 6, height: 6, class: "hatch-ground" }), build("rect", { width: 2, height: 6, class: "hatch-line" }));
}

function drawBar({ label, at, slot, most, series, format }) {
  const group = build("g");
  const told = series.map(({ word: name, values }) => `${word(name)}: ${format(values[at])}`);
  const hint = build("title");
  hint.textContent = `${label} — ${told.join(", ")}`;
  group.append(hint, build("rect", { x: at * slot, y: 0, width: slot, height: HEIGHT, class: "target" }));
  let floor = HEIGHT;
  for (const { kind, values } of series) {
    const height = ((values[at] ?? 0) / most) * (HEIGHT - 4);
    if (!height) continue;
    const isMark = kind === "mark";
    const shape = { x: (at + (isMark ? 0.06 : 0.14)) * slot, width: slot * (isMark ? 0.88 : 0.72), class: `bar-${kind}` };
    const y = isMark ? HEIGHT - height : (floor -= height);
    group.append(build("rect", { ...shape, y, height: isMark ? 3 : height, ...(kind === "failed" ? { fill: `url(#${PATTERN})` } : {}) }));
  }
  return group;
}

function buildFigures(title, labels, series, format) {
  const heads = series.map(({ word: name }) => h("th", { scope: "col", class: "number" }, w(name)));
  const rows = labels.map((label, at) =>
    h("tr", {}, h("th", { scope: "row" }, label), series.map(({ values }) => h("td", { class: "number" }, format(values[at])))),
  );
  const table = h("table", { class: "figures" }, h("caption", { class: "unseen" }, title), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, w("chart_when")), heads)), h("tbody", {}, rows));
  return h("details", {}, h("summary", {}, w("chart_figures")), h("div", { class: "figures", tabIndex: 0, role: "region", "aria-label": title }, table));
}

// One bar of parts side by side, for what has a fixed sum: [{ kind, word, value }].
export function drawProgress(place, parts, whole) {
  const told = parts.filter(({ value }) => value).map(({ word: name, value }) => `${word(name)} ${value}`);
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", told.join(", "));
  const shown = parts.filter(({ value }) => value).map(({ kind, value }) => {
    const part = h("span", { class: `part ${kind}` });
    part.style.width = `${(100 * value) / (whole || 1)}%`;
    return part;
  });
  put(place, shown);
}
