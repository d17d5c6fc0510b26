// The answers of one request: each event of a subscription is kept, with its number and time, up to what a page can hold.

import { coloured } from "/playground/answer.js";
import { spoken, word } from "/playground/words.js";

const MOST_EVENTS = 5000;
const MOST_CHARACTERS = 2_000_000;
const PACE_MS = 50; // what comes within that time is laid out at once

export class EventList {
  // `count` shows how many events came.
  constructor({ place, count }) {
    Object.assign(this, { place, count });
    this.clear();
  }

  clear() {
    this.place.replaceChildren();
    clearTimeout(this.timer);
    Object.assign(this, { seen: 0, left: 0, characters: 0, waiting: [], timer: null });
    this.count.textContent = "";
  }

  // Shows one answer, in place of all that was there.
  show(answer) {
    this.clear();
    this.place.append(coloured(answer));
    this.place.scrollTop = 0;
  }

  add(payload) {
    this.waiting.push(this.build(payload));
    this.timer ??= setTimeout(() => this.flush(), PACE_MS);
  }

  // Shows what has come and is not shown yet.
  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.waiting.length === 0) return;
    const { scrollHeight, scrollTop, clientHeight } = this.place;
    const following = scrollHeight - scrollTop - clientHeight < 40;
    this.place.append(...this.waiting.splice(0));
    this.makeRoom();
    this.count.textContent = ` ${this.seen}`;
    if (following) this.place.scrollTop = this.place.scrollHeight;
  }

  build(payload) {
    this.seen += 1;
    const head = document.createElement("span");
    head.className = "event-head";
    head.textContent = `#${this.seen} · ${new Date().toLocaleTimeString(spoken() === "zh" ? "zh-CN" : "en-GB")}\n`;
    const event = document.createElement("div");
    event.className = "event";
    event.append(head, coloured(payload));
    this.characters += event.textContent.length;
    return event;
  }

  // Only the oldest go, and the list says how many.
  makeRoom() {
    const isFull = () => this.seen - this.left > MOST_EVENTS || this.characters > MOST_CHARACTERS;
    while (isFull() && this.seen - this.left > 1) {
      const oldest = this.place.querySelector(".event");
      this.characters -= oldest.textContent.length;
      oldest.remove();
      this.left += 1;
    }
    if (this.left === 0) return;
    const note = this.place.querySelector(".left-out") ?? document.createElement("div");
    note.className = "left-out";
    note.textContent = word("events_left_out").replace("{count}", this.left);
    if (!note.isConnected) this.place.prepend(note);
  }
}
