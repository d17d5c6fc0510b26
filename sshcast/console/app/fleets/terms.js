// The fields for how a fleet run goes over its servers: how many at a time, when it stops, and what a refused server means.

import { h } from "/console/dom.js";
import { field, fillControl, select, text } from "/console/parts/form.js";
import { WORDS } from "/console/words/fleet.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

// `fleet`: `Task.fleet`, or null. `read()` gives { batchSize, pauseSeconds, stopAfter, onRefused }, as the service takes them.
export function editFleetTerms(fleet = null) {
  const batch = buildAmount("servers", fleet?.batchSize);
  const stop = buildAmount("failures", fleet?.stopAfter);
  const pause = fillControl(text({ type: "number", min: "0", max: "86400", inputMode: "numeric" }), fleet?.pauseSeconds || null);
  const refused = fillControl(select([["SKIP", "fleet_skip"], ["FAIL_ALL", "fleet_fail_all"]]), fleet?.onRefused);
  const element = h(
    "div",
    { class: "pair" },
    batch.field("batchSize", "fleet_batch"),
    field("pauseSeconds", "fleet_pause", pause),
    stop.field("stopAfter", "fleet_stop_after"),
    field("onRefused", "fleet_on_refused", refused),
  );
  const read = () => ({ batchSize: batch.read(), pauseSeconds: Number(pause.value || 0), stopAfter: stop.read(), onRefused: refused.value });
  return { element, read };
}

// A number with its unit: so many servers or failures, or so many percent of all servers. Empty is null.
function buildAmount(unit, given) {
  const number = fillControl(text({ type: "number", min: "1", inputMode: "numeric" }), given?.number ?? given?.percent);
  const choice = select([[unit, `fleet_${unit}`], ["percent", "fleet_percent"]], { label: "fleet_unit" });
  if (given && given.percent !== null) choice.value = "percent";
  const build = (name, label) => {
    const whole = field(name, label, number);
    const pair = h("div", { class: "amount" });
    number.replaceWith(pair);
    pair.append(number, choice);
    return whole;
  };
  return { field: build, read: () => (number.value ? { [choice.value]: Number(number.value) } : null) };
}
