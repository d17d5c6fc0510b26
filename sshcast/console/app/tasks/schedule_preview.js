// Says beside a schedule, while it is typed, what it means and when it would run next.

import { h, w } from "/console/dom.js";
import { answerLive } from "/console/parts/debounce.js";
import { formatDistance } from "/console/parts/times.js";
import { WORDS } from "/console/words/fields.js";
import { addWords, spoken } from "/playground/words.js";

addWords(WORDS);

const PREVIEW = `query ($cronExpr: String!, $timezone: String, $dst: ScheduleDst!, $serverId: ID) {
  schedulePreview(cronExpr: $cronExpr, timezone: $timezone, dst: $dst, serverId: $serverId, count: 5) {
    descriptionEn descriptionZh runs { at local note wantedLocal blackoutUntil }
    errors { message ... on ScheduleInvalid { position example } } } }`;

// `read()` gives { cronExpr, timezone, dst, serverId }. Call `ask()` of what is returned when one of them may have changed.
export function previewLive(read) {
  const readAsked = () => {
    const asked = read();
    return asked.cronExpr.trim() ? asked : null;
  };
  return answerLive("preview", { query: PREVIEW, read: readAsked, build: ({ schedulePreview }) => buildPreview(schedulePreview) });
}

function buildPreview({ descriptionEn, descriptionZh, runs, errors }) {
  if (errors.length) return h("p", { class: "error" }, errors.map((error) => error.message).join("\n"));
  return [h("p", { class: "preview-said" }, spoken() === "zh" ? descriptionZh : descriptionEn), runs.length > 0 && listRuns(runs)];
}

// Runs as lines: the wall clock of the schedule's own zone, how far away, and what a clock change or a blackout does to it.
export function listRuns(runs) {
  return h("ol", { class: "runs" }, runs.map((run) => h("li", {}, h("time", { datetime: run.at, title: run.local }, formatLocal(run.local)), h("small", { class: "faint" }, run.local.slice(19)), h("span", { class: "faint" }, formatDistance(run.at)), ...noteRun(run))));
}

// The wall clock without what everybody can think: the offset (it is in the title), and seconds that are none.
const formatLocal = (local) => local.slice(0, 19).replace("T", " ").replace(/:00$/, "");

function noteRun(run) {
  const notes = [];
  if (run.note) notes.push(h("span", { class: "tag" }, w(`schedule_note_${run.note}`)));
  if (run.blackoutUntil) notes.push(h("span", { class: "tag" }, w("schedule_in_blackout")));
  return notes;
}
