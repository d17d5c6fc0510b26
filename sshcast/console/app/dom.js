// Builds elements. Text is always textContent: nothing that a server or a command said is ever read as HTML.

import { word, worded } from "/playground/words.js";

// `h("a", { href, class, onclick, hidden, data: { id: 7 }, label: "close" }, "text", child, [more])`. A name that begins with
// `on` is a listener; `label` is a word of words.js for aria-label, `hint` one for title; null and false children are left out.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "label") say(element, "aria-label", value);
    else if (name === "hint") say(element, "title", value);
    else if (name === "placeholder") say(element, "placeholder", value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function say(element, attribute, name) {
  element.setAttribute(`data-word-${attribute}`, name);
  element.setAttribute(attribute, word(name));
}

// A word of words.js as an element that follows the chosen language; `{name}` in it is filled from `values`.
export function w(name, values = null) {
  if (values === null) return worded(name);
  return document.createTextNode(fill(word(name), values));
}

export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

export const byId = (id) => document.getElementById(id);

// Replaces what `place` shows.
export function put(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return place;
}
