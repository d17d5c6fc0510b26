// Times and durations as people read them, in the chosen language and the browser's time zone.

import { h } from "/console/dom.js";
import { spoken, word } from "/playground/words.js";

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const locale = () => (spoken() === "zh" ? "zh-CN" : "en-GB");

// "14:05:07" of today, "29 Nov 14:05" of this year, "29 Nov 2025 14:05" otherwise.
export function formatTime(iso) {
  const at = new Date(iso);
  const now = new Date();
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (at.toDateString() === now.toDateString()) return at.toLocaleTimeString(locale(), { ...clock, second: "2-digit" });
  const day = { day: "numeric", month: "short", ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }) };
  return at.toLocaleString(locale(), { ...day, ...clock });
}

// "3 minutes ago", "in 2 hours".
export function formatDistance(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1000;
  if (Math.abs(seconds) < 1) return word("time_now");
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

// A time as an element whose title is the exact instant; null shows a dash.
export function time(iso) {
  return iso === null || iso === undefined ? "–" : h("time", { datetime: iso, title: `${new Date(iso).toLocaleString(locale())} (${formatDistance(iso)})` }, formatTime(iso));
}

// "0.4 s", "12 s", "3 min 20 s", "5 min", "2 h 5 min".
export function formatDuration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [[Math.floor(seconds / 3600), "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const first = parts.findIndex(([count]) => count > 0);
  return parts.slice(first, first + 2).filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

// "10 MiB", "512 KiB", "1,000 B": a limit, exactly.
export function formatSize(bytes) {
  const [size, unit] = [[1_048_576, "MiB"], [1024, "KiB"], [1, "B"]].find(([each]) => bytes % each === 0);
  return `${(bytes / size).toLocaleString()} ${unit}`;
}
