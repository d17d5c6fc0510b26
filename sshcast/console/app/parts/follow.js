// Follows the event stream for as long as a page is open, and paces what its events cause.

import { ask, watch } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";

const LONGEST_WAIT_MS = 15_000;
const REFRESH_MS = 2000;
const CHANGES = "subscription ($filter: EventFilter, $after: String) { events(filter: $filter, after: $after) { cursor } }";

// The stream's end as it is now: whoever reads a page's state afterwards and follows from here misses nothing.
export async function takeCursor() {
  const { events } = await ask("{ events(last: 1) { pageInfo { endCursor } } }");
  return events.pageInfo.endCursor;
}

// Subscribes with `query`, which has the variable `after` and selects `cursor`, until `signal` aborts or the stream is
// complete (`onComplete`). A stream that breaks is resumed where it was. Where that cannot be, as its cursor has expired or there
// was none yet, it goes on from now, and `onGap` is called once it does, to read everything anew. `onState` is told "live" or
// "reconnecting".
export function follow(query, variables, { after, signal, onEvent, onGap, onComplete = () => {}, onState = () => {} }) {
  let cursor = after;
  let tries = 0;
  let isGap = false;
  const tell = (state) => {
    onState(state);
    if (state !== "live" || !isGap || signal.aborted) return;
    isGap = false;
    onGap();
  };
  function connect() {
    let isOver = false;
    const end = (reason) => {
      if (isOver || signal.aborted) return;
      isOver = true;
      if (reason === "complete") return onComplete();
      if (reason?.code === "CURSOR_EXPIRED") cursor = null;
      isGap = cursor === null;
      onState("reconnecting");
      setTimeout(() => !signal.aborted && connect(), Math.min(LONGEST_WAIT_MS, 500 * 2 ** tries++));
    };
    const take = (event) => {
      if (signal.aborted) return;
      cursor = event.cursor;
      tries = 0;
      onEvent(event);
    };
    watch(query, { ...variables, after: cursor }, { signal, onEvent: take, onState: tell, onEnd: end });
  }
  connect();
}

// Calls `refresh` whenever the stream has told of something, at most every two seconds, until `signal` aborts; and once as soon
// as it is followed, for what happened since the page was read. `filter` is an EventFilter.
export function refreshOnEvents(filter, refresh, signal) {
  const soon = pace(refresh, REFRESH_MS, signal);
  follow(CHANGES, { filter }, { after: null, signal, onEvent: soon, onGap: soon, onState: (state) => state === "live" && soon() });
}

// Returns a function that has `work` done soon: at once, or `ms` after it was done last; never twice at a time, and once more
// if it was called meanwhile. What fails is left to the next call.
export function pace(work, ms, signal) {
  let isBusy = false;
  let isWanted = false;
  return async function request() {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      await work().catch(() => {});
      await new Promise((later) => setTimeout(later, ms));
    }
    isBusy = false;
  };
}

// Calls `work` every `ms` until `signal` aborts, but not while the page is hidden.
export function repeat(work, ms, signal) {
  const timer = setInterval(() => document.hidden || work(), ms);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

// An element that says whether the page is live, and the function that is told its state.
export function buildLive() {
  const element = h("span", { class: "live", role: "status" });
  const show = (state) => {
    element.className = `live ${state}`;
    put(element, w(state === "live" ? "live" : "live_not"));
  };
  return { element, show };
}
