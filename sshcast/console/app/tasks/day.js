// A day of the schedule: its bounds and those of its hours, in the browser's own time zone, and how many slots each hour has.

import { ask } from "/console/ask.js";
import { countNothing, sum, sumUp } from "/console/tasks/hours.js";
import { kindOf, OUTCOMES } from "/console/tasks/outcome.js";

const PAGE = 100;
const MOST_READ = 1000; // slots; a day with more is counted by the service
const HOURS_ASKED = 3; // in one query: a query may have fifteen aliases, and an hour has five
const KINDS = Object.keys(countNothing());
const SLOTS = `query ($after: String, $filter: ScheduleSlotFilter!) {
  scheduleLedger(first: ${PAGE}, after: $after, filter: $filter, orderBy: {field: SLOT, direction: DESC}) {
    nodes { slot outcome } pageInfo { hasNextPage endCursor } } }`;
const TOTAL = "query ($filter: ScheduleSlotFilter!) { scheduleLedger(first: 1, filter: $filter) { totalCount } }";

// "2026-11-30".
export function formatDay(at) {
  return [at.getFullYear(), String(at.getMonth() + 1).padStart(2, "0"), String(at.getDate()).padStart(2, "0")].join("-");
}

// The day so many days later.
export function moveDay(day, days) {
  const [from] = findBounds(day);
  return formatDay(new Date(from.getFullYear(), from.getMonth(), from.getDate() + days));
}

// Beginning and end of the day, or of one of its hours. A day in which clocks change has 23 or 25 hours: an hour that it has
// twice is both of them, and one that it does not have ends where it begins.
export function findBounds(day, hour = null) {
  const [year, month, date] = day.split("-").map(Number);
  if (hour === null) return [new Date(year, month - 1, date), new Date(year, month - 1, date + 1)];
  return [new Date(year, month - 1, date, hour), new Date(year, month - 1, date, hour + 1)];
}

// ScheduleSlotFilter of what is shown: { day, hour, task, outcomes }; an hour of null is the whole day.
export function buildFilter({ day, hour = null, task, outcomes }) {
  const [from, to] = findBounds(day, hour);
  return { slotFrom: from.toISOString(), slotTo: new Date(to - 1).toISOString(), taskId: task || null, outcomes };
}

// 24 counts { ran, waits, skipped, faulty, shadowed }. `known`: those of before, where only the hours about now are to be counted again.
export async function countDay({ day, task, outcomes }, known = null) {
  const { scheduleLedger } = await ask(TOTAL, { filter: buildFilter({ day, task, outcomes }) });
  if (scheduleLedger.totalCount <= MOST_READ) return readDay({ day, task, outcomes });
  const now = new Date().getHours();
  const hours = Array.from({ length: 24 }, (none, hour) => hour).filter((hour) => !known || hour === now || hour === now - 1);
  const asked = [];
  for (let at = 0; at < hours.length; at += HOURS_ASKED) asked.push(countHours(hours.slice(at, at + HOURS_ASKED), { day, task, outcomes }));
  const counts = known ? [...known] : Array.from({ length: 24 }, countNothing);
  return Object.assign(counts, ...(await Promise.all(asked)));
}

async function readDay(shown) {
  const counts = Array.from({ length: 24 }, countNothing);
  const filter = buildFilter(shown);
  for (let page = { hasNextPage: true, endCursor: null }; page.hasNextPage && sum(sumUp(counts)) < MOST_READ; ) {
    const { scheduleLedger } = await ask(SLOTS, { after: page.endCursor, filter });
    for (const { slot, outcome } of scheduleLedger.nodes) counts[new Date(slot).getHours()][kindOf(outcome)] += 1;
    page = scheduleLedger.pageInfo;
  }
  return counts;
}

// { hour: counts } of a few hours, in one query with a field for each hour and kind.
async function countHours(hours, { day, task, outcomes }) {
  const variables = {};
  for (const hour of hours) {
    const [from, to] = findBounds(day, hour);
    for (const kind of KINDS) {
      const own = OUTCOMES.filter((outcome) => kindOf(outcome) === kind && (!outcomes || outcomes.includes(outcome)));
      if (own.length && from < to) variables[`${kind}${hour}`] = buildFilter({ day, hour, task, outcomes: own });
    }
  }
  const names = Object.keys(variables);
  const fields = names.map((name) => `${name}: scheduleLedger(first: 1, filter: $${name}) { totalCount }`);
  const data = names.length ? await ask(`query (${names.map((name) => `$${name}: ScheduleSlotFilter!`).join(", ")}) { ${fields.join(" ")} }`, variables) : {};
  return Object.fromEntries(hours.map((hour) => [hour, Object.fromEntries(KINDS.map((kind) => [kind, data[`${kind}${hour}`]?.totalCount ?? 0]))]));
}
