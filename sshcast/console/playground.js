// The page: choose an example or write a document, run it, watch a subscription.

import { chip, legible, plain } from "/playground/answer.js";
import { request, subscribe } from "/playground/client.js";
import { startSignIn, show as showSignIn } from "/playground/sign_in.js";
import { Editor } from "/playground/editor.js";
import { EventList } from "/playground/events.js";
import { Examples, kindOf } from "/playground/examples.js";
import { showNotice } from "/playground/notice.js";
import { findRun, findWatchedRun, RunActions } from "/playground/run_actions.js";
import { session } from "/playground/session.js";
import { Terminal } from "/playground/terminal.js";
import { word, worded } from "/playground/words.js";

const OPENED_FIRST = "20_servers";
const WATCHES_OUTPUT = "71_watch_output_after"; // it resumes where a connection was cut
const NARROW = matchMedia("(max-width: 60rem)");
const byId = (id) => document.getElementById(id);
const terminal = new Terminal(byId("output"));
const events = new EventList({ place: byId("events"), count: byId("count") });
const actions = new RunActions({ onWatch: watchRun, onCancelled: showCancelled });
const editor = new Editor({ area: byId("query"), paint: byId("paint") });
const examples = new Examples({ list: byId("examples"), search: byId("search"), onChoose: load });
let stop = null;
let status = ["", ""];

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
  byId("run").disabled = working;
  byId("stop").hidden = !working || stop === null;
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
  events.clear();
  actions.hide();
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
  events.show(answer);
  showOutcome(answer);
  const run = findRun(answer.data);
  if (run) actions.show(run.id, run);
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
  const id = findWatchedRun(document);
  let last = [];
  let failed = false;
  choose("events");
  const onEvent = (payload) => {
    events.add(payload);
    failed = errorsOf(payload).length > 0;
    last = shownLive(payload) ?? last;
  };
  const onEnd = (reason) => {
    if (id !== null) actions.show(id, { over: reason === "complete" });
    if (reason === "error" || (reason === "complete" && failed)) finish("failed");
    else if (reason === "complete") finish("ended", ...last);
    else if (reason === "stopped") finish("stopped", worded(id === null ? "runs_go_on" : "run_goes_on"));
    else {
      events.add({ closed: reason });
      terminal.note("closed", worded("closed"), ` · ${legible(reason)}`);
      finish("closed");
    }
    events.flush();
  };
  say("running");
  stop = subscribe(document, { onEvent, onState: (state) => say(state), onEnd });
  busy(true);
  if (id !== null) actions.show(id, { watching: true });
}

// Watches a run that an answer told of, or that was watched before.
function watchRun(id) {
  examples.open(WATCHES_OUTPUT, { executionId: id });
  run();
}

// Where somebody watches the run, its end comes by itself; else its state now stands in the Output pane.
function showCancelled(run) {
  if (stop !== null) return;
  showState(run);
  say("cancel_asked");
  actions.show(run.id, { over: true });
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
byId("copy").onclick = copy;
for (const name of ["output", "events"]) byId(`${name}-tab`).onclick = () => choose(name);
document.addEventListener("keydown", onKey);
byId("copy").hidden = !navigator.clipboard;
// The service shows this page instead of GraphiQL where that was not fetched.
if (new URLSearchParams(location.search).has("graphiql")) showNotice(worded("graphiql_missing"));
await startSignIn({
  onIn: () => examples.load(editor.text ? null : OPENED_FIRST).catch(() => showNotice(worded("not_loaded"))),
  onLanguage: relabel,
});
