// How a task's schedule stands, and where it runs, in a few words.

import { fill, h, w } from "/console/dom.js";
import { tags } from "/console/parts/labelled.js";
import { time } from "/console/parts/times.js";
import { word } from "/playground/words.js";

// "on", "off", "in shadow", "paused until …"; the schedule's own text is beside it.
export function scheduleState({ enabled, pausedAt, pausedUntil, cronExpr, scheduleMode }) {
  if (!enabled) return h("span", { class: "state cancelled" }, w("task_off"));
  if (cronExpr === "@manual") return h("span", { class: "faint" }, w("task_by_hand"));
  if (scheduleMode === "SHADOW") return h("span", { class: "state shadowed" }, w("task_in_shadow"));
  if (!pausedAt) return h("span", { class: "state success" }, w("task_on"));
  return h("span", {}, h("span", { class: "state paused" }, w("state_PAUSED")), pausedUntil && [" ", w("task_until"), " ", time(pausedUntil)]);
}

export function targetOf({ server, selector }) {
  if (server) return h("a", { href: `/servers/${server.id}` }, server.name);
  if (!selector) return "–";
  if (selector.byIds) return w("task_by_ids_short");
  const lists = ["tagsAll", "tagsAny", "tagsNone"].filter((name) => selector[name]?.length);
  const parts = lists.map((name) => h("span", {}, w(`selector_${name}`), " ", tags(selector[name])));
  if (selector.nameContains) parts.push(h("span", {}, fill(word("task_named"), { name: selector.nameContains })));
  return parts.length ? h("span", { class: "stack" }, parts) : w("task_all_servers");
}

export const scheduleText = ({ cronExpr, timezone }) =>
  h("span", {}, h("code", { class: "cron" }, cronExpr), !cronExpr.startsWith("@manual") && h("small", { class: "faint zone" }, ` ${timezone}`));
