// The part of a server's form for blackout windows: each week at some hours, or once.

import { h, w } from "/console/dom.js";
import { select, splitList, text } from "/console/parts/form.js";
import { RowEditor } from "/console/parts/row_editor.js";

const isWeekly = (row) => row.kind !== "once";
const isOnce = (row) => row.kind === "once";
const orNull = (value) => value || null;
const input = (type) => () => h("input", { type });

const COLUMNS = [
  { key: "kind", word: "blackout_kind", make: () => select([["weekly", "blackout_weekly"], ["once", "blackout_once"]]) },
  { key: "days", word: "blackout_days", make: () => text({ placeholder: "blackout_every_day" }), when: isWeekly },
  { key: "start", word: "blackout_start", make: input("time"), when: isWeekly },
  { key: "end", word: "blackout_end", make: input("time"), when: isWeekly },
  { key: "timezone", word: "blackout_zone", make: () => text({ placeholder: "blackout_utc" }), when: isWeekly },
  { key: "from", word: "blackout_from", make: input("datetime-local"), when: isOnce },
  { key: "until", word: "blackout_until", make: input("datetime-local"), when: isOnce },
  { key: "reason", word: "reason", make: () => text(), wide: true },
];

// An instant as a field of the browser's own time zone has it.
function toField(iso) {
  if (!iso) return null;
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const toInstant = (value) => (value ? new Date(value).toISOString() : null);

// `read()` gives { blackouts }.
export function editBlackouts(server) {
  const rows = (server?.blackouts ?? []).map((each) => ({
    ...each,
    kind: each.from ? "once" : "weekly",
    days: each.days?.join(", "),
    from: toField(each.from),
    until: toField(each.until),
  }));
  const editor = new RowEditor({ name: "blackouts", legend: "blackouts", add: "blackout_add", about: w("blackouts_about"), columns: COLUMNS, rows });
  return { element: editor.element, read: () => ({ blackouts: editor.read().map(readRow) }) };
}

function readRow(row) {
  const reason = orNull(row.reason);
  if (isOnce(row)) return { from: toInstant(row.from), until: toInstant(row.until), reason };
  const days = splitList(row.days.toUpperCase());
  return { start: orNull(row.start), end: orNull(row.end), days: days.length ? days : null, timezone: orNull(row.timezone.trim()), reason };
}
