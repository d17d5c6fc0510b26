// How the runs of the last day or week ended and how long they took, from the newest of them: at most 500 are read.

import { ask } from "/console/ask.js";
import { fill, h, put, w } from "/console/dom.js";
import { buildChart } from "/console/parts/chart.js";
import { formatDuration, formatTime } from "/console/parts/times.js";
import { spoken, word } from "/playground/words.js";

const PAGE = 100;
const PAGES = 5;
const HOUR = 3_600_000;
const SPANS = { day: { bars: 24, each: HOUR }, week: { bars: 7, each: 24 * HOUR } };
const ENDED = `query ($after: String, $from: DateTime!) { executions(first: ${PAGE}, after: $after, filter: {endTimeFrom: $from},
  orderBy: {field: END_TIME, direction: DESC}) { nodes { state endTime durationMs } pageInfo { hasNextPage endCursor } } }`;

export class Trend {
  constructor() {
    this.span = "day";
    this.charts = h("div", { class: "panels" });
    this.about = h("p", { class: "faint" });
    const choices = Object.keys(SPANS).map((span) => h("button", { type: "button", data: { span }, "aria-pressed": span === this.span ? "true" : "false", onclick: () => this.choose(span) }, w(`overview_${span}`)));
    this.choices = h("div", { class: "bar", role: "group", label: "overview_span" }, choices);
    this.element = h("section", { class: "panel trend" }, h("div", { class: "head" }, h("h3", {}, w("overview_trend")), this.choices), this.about, this.charts);
  }

  choose(span) {
    this.span = span;
    for (const button of this.choices.children) button.setAttribute("aria-pressed", button.dataset.span === span ? "true" : "false");
    return this.load();
  }

  async load() {
    const { span } = this;
    const { bars, each } = SPANS[span];
    const now = Date.now();
    const { runs, isAll } = await readRuns(new Date(now - bars * each).toISOString());
    if (span !== this.span) return;
    // Where 500 do not reach back so far, the bars share the time that they do cover.
    const oldest = isAll ? now - bars * each : Date.parse(runs.at(-1).endTime);
    const sorted = sortRuns(runs, { from: oldest, width: (now - oldest) / bars, bars });
    if (!runs.length) {
      put(this.about, w("overview_no_runs"));
      return put(this.charts);
    }
    put(this.about, isAll ? w("overview_of_all", { count: runs.length }) : w("overview_of_last", { count: runs.length, since: formatTime(runs.at(-1).endTime) }));
    this.draw(sorted, runs);
  }

  draw({ labels, success, failed, other, middle, slow }, runs) {
    const opened = [...this.charts.querySelectorAll("details")].map(({ open }) => open);
    const good = runs.filter(({ state }) => state === "SUCCESS").length;
    const rate = runs.length ? `${Math.floor((1000 * good) / runs.length) / 10} %` : "–";
    const took = runs.map(({ durationMs }) => durationMs ?? 0).sort((one, two) => one - two);
    const outcomes = buildChart({
      title: word("overview_outcomes"),
      summary: fill(word("overview_rate"), { rate, good, count: runs.length }),
      labels,
      series: [
        { word: "state_SUCCESS", kind: "success", values: success },
        { word: "overview_bad", kind: "failed", values: failed },
        { word: "state_CANCELLED", kind: "rest", values: other },
      ],
      format: (value) => (Number.isInteger(value) ? value : value.toFixed(1)).toString(),
    });
    const durations = buildChart({
      title: word("overview_durations"),
      summary: fill(word("overview_took"), { middle: formatDuration(pickAt(took, 0.5)), slow: formatDuration(pickAt(took, 0.95)) }),
      labels,
      series: [
        { word: "overview_median", kind: "plain", values: middle },
        { word: "overview_p95", kind: "mark", values: slow },
      ],
      format: formatDuration,
    });
    put(this.charts, outcomes, durations);
    [...this.charts.querySelectorAll("details")].forEach((each, at) => (each.open = opened[at] ?? false));
  }
}

// The newest runs that ended since then, and whether these are all.
async function readRuns(from) {
  const runs = [];
  let after = null;
  for (let page = 0; page < PAGES; page++) {
    const { executions } = await ask(ENDED, { after, from });
    runs.push(...executions.nodes);
    after = executions.pageInfo.endCursor;
    if (!executions.pageInfo.hasNextPage) return { runs, isAll: true };
  }
  return { runs, isAll: false };
}

// The value below which this part of them is; null of none.
const pickAt = (sorted, part) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] : null);

// Runs by the bar in which they ended: how many ended how, and their durations.
function sortRuns(runs, { from, width, bars }) {
  const each = Array.from({ length: bars }, () => ({ success: 0, failed: 0, other: 0, took: [] }));
  for (const { state, endTime, durationMs } of runs) {
    const bar = each[Math.max(0, Math.min(bars - 1, Math.floor((Date.parse(endTime) - from) / width)))];
    if (state === "SUCCESS") bar.success++;
    else if (state === "CANCELLED") bar.other++;
    else bar.failed++;
    if (durationMs !== null) bar.took.push(durationMs);
  }
  for (const { took } of each) took.sort((one, two) => one - two);
  const list = (pick) => each.map(pick);
  return {
    labels: each.map((_, at) => formatBar(from + at * width, width)),
    success: list(({ success }) => success),
    failed: list(({ failed }) => failed),
    other: list(({ other }) => other),
    middle: list(({ took }) => pickAt(took, 0.5)),
    slow: list(({ took }) => pickAt(took, 0.95)),
  };
}

function formatBar(at, width) {
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const shape = width >= 6 * HOUR ? { weekday: "short", day: "numeric", month: "short" } : clock;
  return new Date(at).toLocaleString(spoken() === "zh" ? "zh-CN" : "en-GB", shape);
}
