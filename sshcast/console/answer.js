// An answer as indented JSON in colours: spans with textContent, never HTML. States have the colours of their chips.

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;
const STATES = ["PENDING", "RUNNING", "SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"];
// Characters that would reorder or hide what stands beside them are shown by their numbers.
const HIDDEN = /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const MOST_COLOURED = 300_000;

const numbered = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

export const plain = (value) => (JSON.stringify(value, null, 2) ?? "").replace(HIDDEN, numbered);

// Words for people, of several lines maybe: what would act or hide shows as its number, all else as it is.
export const legible = (text) => String(text).replace(HIDDEN, numbered).replace(/[\x00-\x08\x0b-\x1f]/g, numbered);

export function coloured(value) {
  const text = plain(value);
  const whole = document.createDocumentFragment();
  if (text.length > MOST_COLOURED) {
    whole.append(text);
    return whole;
  }
  let from = 0;
  for (const match of text.matchAll(TOKENS)) {
    whole.append(text.slice(from, match.index), token(match));
    from = match.index + match[0].length;
  }
  whole.append(text.slice(from));
  return whole;
}

function token([text, quoted, colon]) {
  const span = document.createElement("span");
  span.textContent = text;
  const state = quoted && !colon && STATES.find((name) => text === `"${name}"`);
  if (state) span.className = `state ${state.toLowerCase()}`;
  else if (quoted) span.className = colon ? "key" : "string";
  else span.className = /[tfn]/.test(text[0]) ? "word" : "number";
  return span;
}

// A state as a coloured chip.
export function chip(state) {
  const span = document.createElement("span");
  span.className = "chip";
  span.textContent = state;
  if (STATES.includes(state)) span.classList.add(state.toLowerCase());
  return span;
}
