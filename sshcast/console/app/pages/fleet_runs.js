// The list of fleet runs, live, and the dialog that plans and starts one.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { openFleetDialog } from "/console/fleets/dialog.js";
import { buildFleetState, COUNTS, countParts } from "/console/fleets/state.js";
import { drawProgress } from "/console/parts/chart.js";
import { buildLive, follow, pace, repeat, takeCursor } from "/console/parts/follow.js";
import { select } from "/console/parts/form.js";
import { Pager } from "/console/parts/pager.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";
import { keepQuery, mayUse } from "/console/router.js";
import { buildWork } from "/console/runs/rows.js";
import { legible } from "/playground/answer.js";
import { word } from "/playground/words.js";

const PAGE = 30;
const PACE_MS = 1000;
const POLL_MS = 4000;
const STATES = ["RUNNING", "SUCCESS", "FAILED", "STOPPED", "CANCELLED"];
const KINDS = ["FLEET_RUN_CREATED", "FLEET_RUN_CANCEL_REQUESTED", "FLEET_RUN_ENDED"];
const LIST = `query ($after: String, $filter: FleetRunFilter) { fleetRuns(first: ${PAGE}, after: $after, filter: $filter) {
  nodes { id state reason command trigger createdAt endTime task { id name } createdBy { name } counts { ${COUNTS} } }
  pageInfo { hasNextPage endCursor } } }`;
const EVENTS = `subscription ($after: String, $filter: EventFilter) { events(after: $after, filter: $filter) { cursor kind } }`;
const COLUMNS = [
  { word: "run_number", class: "number", cell: (run) => h("a", { href: `/fleet-runs/${run.id}`, "aria-label": `${word("run_fleet")} ${run.id}` }, run.id) },
  { word: "state", class: "short", cell: buildFleetState },
  { word: "run_what", cell: buildWork },
  { word: "fleet_progress", cell: buildProgress },
  { word: "by", class: "name", cell: (run) => legible(run.createdBy?.name ?? word(`trigger_${run.trigger}`)) },
  { word: "created", class: "short", cell: (run) => time(run.createdAt) },
  { word: "ended_at", class: "short", cell: (run) => time(run.endTime) },
];

export async function open(place, { query, signal }) {
  const after = await takeCursor();
  let state = STATES.includes(query.get("state")) ? query.get("state") : null;
  const table = new Table(COLUMNS, { caption: "fleet_runs", empty: "fleet_none" });
  const read = (cursor) => ask(LIST, { after: cursor, filter: state ? { states: [state] } : {} }).then(({ fleetRuns }) => fleetRuns);
  const load = async (cursor) => {
    keepQuery({ state, after: cursor });
    const { nodes, pageInfo } = await read(cursor);
    table.show(nodes);
    return pageInfo;
  };
  const pager = new Pager(load, query.get("after"));
  const choice = select([["", "any"], ...STATES.map((each) => [each, `state_${each}`])], { name: "state", onchange: () => choose(choice.value) });
  choice.value = state ?? "";
  function choose(value) {
    state = value || null;
    return pager.goFirst();
  }
  pager.show(await load(pager.after));
  const start = mayUse("OPERATOR") && h("button", { type: "button", class: "primary", onclick: () => openFleetDialog() }, w("fleet_start"));
  const { element: live, show } = buildLive();
  const bar = h("div", { class: "bar filters" }, h("label", {}, w("state"), choice), live, h("span", { class: "gap" }), pager.element);
  put(place, h("div", { class: "head" }, h("h2", {}, w("fleet_runs")), start), bar, table.element);
  const refresh = pace(() => refreshPage(table, pager, read), PACE_MS, signal);
  follow(EVENTS, { filter: { kinds: KINDS } }, { after, signal, onEvent: refresh, onGap: refresh, onState: show });
  repeat(() => table.body.querySelector(".state.running") && refresh(), POLL_MS, signal);
}

// The page anew: rows that are shown change where they stand; new ones come in at the top of the first page.
async function refreshPage(table, pager, read) {
  const { after } = pager;
  const { nodes, pageInfo } = await read(after);
  if (after !== pager.after) return;
  table.refresh(nodes);
  pager.show(pageInfo);
}

function buildProgress({ counts }) {
  const bar = h("div", { class: "progress" });
  drawProgress(bar, countParts(counts), counts.size);
  const ended = counts.size - counts.waiting - counts.pending - counts.running;
  return h("div", {}, bar, h("small", { class: "faint" }, w("fleet_ended_of", { ended, size: counts.size })));
}
