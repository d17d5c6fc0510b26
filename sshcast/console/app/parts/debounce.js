// Waits until somebody has stopped typing, and drops answers that a later question has overtaken.

import { ask } from "/console/ask.js";
import { h, put } from "/console/dom.js";

// Returns a function that calls `work` after `ms` without another call; `work` gets `isLast()`, false once it was called again.
export function debounce(work, ms = 350) {
  let timer = null;
  let call = 0;
  return () => {
    clearTimeout(timer);
    const mine = (call += 1);
    timer = setTimeout(() => work(() => mine === call), ms);
  };
}

// An element that shows the service's answer to `query` about what is typed. `read()` gives its variables, or null where nothing
// is typed; `build(data)` gives what is shown. Call `ask()` of what is returned when something may have changed.
export function answerLive(className, { query, read, build }) {
  const element = h("div", { class: className, role: "status" });
  const look = debounce(async (isLast) => {
    const asked = read();
    if (asked === null) return put(element);
    try {
      const data = await ask(query, asked);
      if (isLast()) put(element, build(data));
    } catch (error) {
      if (isLast()) put(element, h("p", { class: "error" }, error.message));
    }
  });
  return { element, ask: look };
}
