// The page: choose an example or write a document, run it, watch a subscription.

import { chip, coloured, legible, plain } from "/playground/answer.js";
import { request, subscribe } from "/playground/client.js";
import { startSignIn, show as showSignIn } from "/playground/sign_in.js";
import { Editor } from "/playground/editor.js";
import { Examples, kindOf } from "/playground/examples.js";
import { showNotice } from "/playground/notice.js";
import { session } from "/playground/session.js";
import { Terminal } from "/playground/terminal.js";
import { word, worded } from "/playground/words.js";

const MOST_EVENTS = 300;
const MOST_RECORDED = 1_000_000;
const OPENED_FIRST = "20_servers";
const CANCEL = "53_cancel_execution";
const RUN_WATCHED = /executionOutput\s*\([^)]*executionId:\s*(?:\$(\w+)|"?(\d+))/;
const NARROW = matchMedia("(max-width: 60rem)");
const byId = (id) => document.getElementById(id);
const terminal = new Terminal(byId("output"));
const editor = new Editor({ area: byId("query"), paint: byId("paint") });
const examples = new Examples({ list: byId("examples"), search: byId("search"), onChoose: load });
let stop = null;
let left = null; // the id of the run that goes on after its watcher stopped
let status = ["", ""];
let recorded = 0; // characters of the events that are shown

function load(example, byHand) {
  editor.text = example.query;
  byId("variables").value = JSON.stringify(example.variables, null, 2);
  if (!byHand) return;
  byId("narrow").open = !NARROW.matches;
  byId("run").focus({ preventScroll: true });
}

function choose(tab) {
  for (const name of ["output", "events"]) {
    byId(name).hidden = name !== tab;
    byId(`${name}-tab`).setAttribute("aria-selected", String(name === tab));
  }
  byId("nothing").hidden = true;
}

function say(name, ...more) {
  status = [name, ...more];
  byId("status").className = `status ${name}`;
  byId("status").replaceChildren(word(name), ...more);
}

function busy(working) {
  left = null;
  byId("cancel").hidden = true;
  byId("run").disabled = working;
  byId("stop").disabled = !working || stop === null;
}

function finish(name, ...more) {
  stop = null;
  busy(false);
  say(name, ...more);
  if (!session.read()) showSignIn();
}

function asked() {
  try {
    return { query: editor.text, variables: JSON.parse(byId("variables").value.trim() || "{}") };
  } catch (error) {
    byId("variables").focus();
    throw new Error(`${word("bad_variables")}: ${error.message}`);
  }
}

async function run() {
  if (byId("run").disabled) return;
  terminal.clear();
  byId("events").replaceChildren();
  recorded = 0;
  if (NARROW.matches) byId("answer").scrollIntoView();
  try {
    const document = asked();
    if (kindOf(document.query) === "subscription") {
      watch(document);
      return;
    }
    await ask(document);
  } catch (error) {
    choose("events");
    byId("events").append(error.message);
    finish("failed");
  }
}

async function ask(document) {
  busy(true);
  say("running");
  choose("events");
  const since = performance.now();
  const answer = await request(document);
  examples.remember(document.query, answer.data);
  byId("events").replaceChildren(coloured(answer));
  byId("events").scrollTop = 0;
  showOutcome(answer);
  finish(errorsOf(answer).length ? "failed" : "done", ` · ${Math.round(performance.now() - since)} ms`);
}

// Errors of the request, and the ones that a mutation's payload has.
const errorsOf = ({ errors, data }) => [
  ...(errors ?? []),
  ...Object.values(data ?? {}).flatMap((payload) => payload?.errors ?? []),
];

// Why nothing ran, or how a run that was waited for ended, stands in the Output pane too.
function showOutcome(answer) {
  showErrors(errorsOf(answer));
  for (const payload of Object.values(answer.data ?? {})) {
    const run = payload?.execution ?? payload;
    if (typeof run?.state === "string") showState(run);
  }
}

function showErrors(errors) {
  for (const [index, error] of errors.entries()) {
    const code = error.code ?? error.extensions?.code ?? "";
    const findings = (error.findings ?? []).map((found) => `${found.rule ?? ""} ${found.message ?? ""}`.trim());
    terminal.note(`error ${index}`, chip(legible(code)), why([error.message, ...findings].join("\n")));
  }
}

function why(text) {
  const element = document.createElement("span");
  element.className = "why";
  element.textContent = legible(text);
  return element;
}

function watch(document) {
  let last = [];
  let failed = false;
  choose("events");
  const onEvent = (payload) => {
    record(payload);
    failed = errorsOf(payload).length > 0;
    last = shownLive(payload) ?? last;
  };
  const onEnd = (reason) => {
    if (reason === "error" || (reason === "complete" && failed)) finish("failed");
    else if (reason === "complete") finish("ended", ...last);
    else if (reason === "stopped") finishStopped(runOf(document));
    else {
      record({ closed: reason });
      terminal.note("closed", worded("closed"), ` · ${legible(reason)}`);
      finish("closed");
    }
  };
  say("running");
  stop = subscribe(document, { onEvent, onState: (state) => say(state), onEnd });
  busy(true);
}

function runOf({ query, variables }) {
  const [, name, id] = RUN_WATCHED.exec(query) ?? [];
  return id ?? variables[name] ?? null;
}

// Only the watcher stopped: the run is cancelled by a mutation, which is one click away.
function finishStopped(id) {
  finish("stopped", worded(id === null ? "runs_go_on" : "run_goes_on"));
  left = id;
  byId("cancel").hidden = id === null;
}

function record(payload) {
  const events = byId("events");
  const following = events.scrollHeight - events.scrollTop - events.clientHeight < 40;
  const line = document.createElement("div");
  line.className = "event";
  line.append(coloured(payload));
  events.append(line);
  recorded += line.textContent.length;
  while (events.childElementCount > 1 && (events.childElementCount > MOST_EVENTS || recorded > MOST_RECORDED)) {
    recorded -= events.firstElementChild.textContent.length;
    events.firstElementChild.remove();
  }
  if (following) events.scrollTop = events.scrollHeight;
}

// Output and changes of state go to the terminal too. Returns what the status line should end with, if that changed.
function shownLive(payload) {
  showErrors(payload.errors ?? []);
  const event = Object.values(payload.data ?? {})[0];
  if (typeof event?.text !== "string" && typeof event?.state !== "string") return null;
  if (byId("output").childElementCount === 0) choose("output");
  if (typeof event.text === "string") {
    terminal.write(event.stream ?? "stdout", event.text);
    return null;
  }
  return showState(event);
}

function showState(event) {
  const facts = factsOf(event);
  const message = event.message ? [why(event.message)] : [];
  terminal.note(`${event.id ?? ""} ${event.state}`, chip(event.state), facts, ...message);
  return [" ", chip(event.state), facts];
}

function factsOf(event) {
  const facts = [];
  if (event.id !== undefined) facts.push(`#${event.id}`);
  if (typeof event.command === "string") facts.push(event.command);
  if (event.reason && event.reason !== "EXIT_STATUS") facts.push(event.reason);
  if (Number.isInteger(event.exitCode)) facts.push(`${word("exit_status")} ${event.exitCode}`);
  if (event.truncated) facts.push(word("truncated"));
  return facts.length ? ` ${plain(facts.join(" · ")).slice(1, -1)}` : "";
}

async function copy() {
  await navigator.clipboard.writeText(byId("output").hidden ? byId("events").innerText : byId("output").innerText);
  byId("copy").textContent = word("copied");
  setTimeout(() => {
    byId("copy").textContent = word("copy");
  }, 1500);
}

function onKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  if (event.key === "Escape") stop?.();
  if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
    event.preventDefault();
    byId("narrow").open = true;
    byId("search").focus();
  }
}

function relabel() {
  examples.show();
  if (status[0]) say(...status);
}

byId("run").onclick = run;
byId("stop").onclick = () => stop?.();
byId("cancel").onclick = () => examples.open(CANCEL, { executionId: left });
byId("copy").onclick = copy;
for (const name of ["output", "events"]) byId(`${name}-tab`).onclick = () => choose(name);
document.addEventListener("keydown", onKey);
byId("copy").hidden = !navigator.clipboard;
byId("graphiql").hidden = !new URLSearchParams(location.search).has("plain");
await startSignIn({
  onIn: () => examples.load(editor.text ? null : OPENED_FIRST).catch(() => showNotice(worded("not_loaded"))),
  onLanguage: relabel,
});
