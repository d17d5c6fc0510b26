// The hours of a day as bars, each with how many of its slots ran, were left out or did not run; a bar can be chosen.

import { fill, h, put } from "/console/dom.js";
import { word } from "/playground/words.js";

export const KINDS = ["ran", "waits", "skipped", "faulty", "shadowed"];

// `counts`: 24 objects { ran, waits, skipped, faulty, shadowed }. `onChoose` gets the hour, or null where it was chosen already.
export class Hours {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.element = h("ol", { class: "hours", "aria-label": word("schedule_by_hour") });
    this.buttons = Array.from({ length: 24 }, (none, hour) => h("button", { type: "button", onclick: () => this.choose(hour) }));
    this.element.append(...this.buttons.map((button) => h("li", {}, button)));
  }

  choose(hour) {
    this.onChoose(this.buttons[hour].getAttribute("aria-pressed") === "true" ? null : hour);
  }

  show(counts, chosen) {
    const most = Math.max(1, ...counts.map(sum));
    counts.forEach((count, hour) => this.showHour(this.buttons[hour], { count, hour, most, chosen }));
  }

  showHour(button, { count, hour, most, chosen }) {
    const clock = `${hour}:00`;
    button.setAttribute("aria-pressed", String(hour === chosen));
    button.setAttribute("aria-label", describeCount("schedule_hour", count, { hour: clock }));
    button.title = button.getAttribute("aria-label");
    const pieces = KINDS.filter((kind) => count[kind] > 0).map((kind) => {
      const piece = h("span", { class: `piece ${kind}` });
      piece.style.height = `${Math.max(4, (100 * count[kind]) / most)}%`;
      return piece;
    });
    put(button, h("span", { class: "pile" }, pieces), h("span", { class: "hour" }, String(hour)));
  }
}

export const sum = (count) => KINDS.reduce((total, kind) => total + count[kind], 0);

export const countNothing = () => Object.fromEntries(KINDS.map((kind) => [kind, 0]));

// A count in words; those in shadow are told only where there are any.
export function describeCount(name, count, more = {}) {
  const told = fill(word(name), { count: sum(count), ...count, ...more });
  return count.shadowed ? told + fill(word("schedule_in_shadow"), count) : told;
}

// One count of all of these.
export const sumUp = (counts) => Object.fromEntries(KINDS.map((kind) => [kind, counts.reduce((total, count) => total + count[kind], 0)]));
