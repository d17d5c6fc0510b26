// GraphiQL, as `sshcast web fetch` brought it, over our own client: tokens stay in session.js and are renewed there.

import { request, subscribe } from "/playground/client.js";
import { startSignIn, show as showSignIn } from "/playground/sign_in.js";
import { kindOf } from "/playground/examples.js";
import { showNotice } from "/playground/notice.js";
import { session } from "/playground/session.js";
import { worded } from "/playground/words.js";

const OPENED_FIRST = "12_me";
const PHONE = matchMedia("(max-width: 40rem), (max-width: 60rem) and (pointer: coarse)");
const WORKERS = { json: "json", graphql: "graphql" };

self.MonacoEnvironment = {
  getWorkerUrl: (module, label) => `/playground/${WORKERS[label] ?? "editor"}.worker.js`,
};

function loadScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

// Which kind of operation GraphiQL is about to run, of the ones in the document.
function kindAsked(asked, { documentAST } = {}) {
  const operations = (documentAST?.definitions ?? []).filter((each) => each.kind === "OperationDefinition");
  const named = operations.find((each) => each.name?.value === asked.operationName) ?? operations[0];
  return named?.operation ?? kindOf(asked.query);
}

async function answer(asked, { headers } = {}) {
  try {
    return await request(asked, headers);
  } finally {
    if (!session.read()) showSignIn();
  }
}

// A subscription's events as the asynchronous iterable that GraphiQL reads, and ends by `return`.
function watch(asked) {
  const waiting = [];
  let wake = () => {};
  let over = false;
  const add = (event) => {
    waiting.push(event);
    wake();
  };
  const stop = subscribe(asked, {
    onEvent: add,
    onEnd(reason) {
      over = true;
      if (!["complete", "error", "stopped"].includes(reason)) add({ errors: [{ message: reason }] });
      if (!session.read()) showSignIn();
      wake();
    },
  });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      while (waiting.length === 0 && !over) await new Promise((resolve) => (wake = resolve));
      return waiting.length ? { done: false, value: waiting.shift() } : { done: true, value: undefined };
    },
    async return() {
      if (!over) showNotice(worded("stopped"), worded(/\bexecutionOutput\b/.test(asked.query) ? "run_goes_on" : "runs_go_on"));
      stop();
      return { done: true, value: undefined };
    },
  };
}

const fetcher = (asked, options) => (kindAsked(asked, options) === "subscription" ? watch(asked) : answer(asked, options));

async function tabs() {
  const examples = await (await fetch("/playground/examples.json")).json();
  const first = examples.findIndex((example) => example.name === OPENED_FIRST);
  const ordered = [...examples.splice(Math.max(first, 0), 1), ...examples];
  return ordered.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) }));
}

let opened = false;

async function open() {
  if (opened) return;
  opened = true;
  try {
    await render();
  } catch {
    opened = false;
    document.getElementById("work").replaceChildren();
    showNotice(worded("not_loaded"));
  }
}

async function render() {
  const [defaultTabs] = await Promise.all([tabs(), loadScript("/playground/yoga-graphiql.js")]);
  self.YogaGraphiQL.renderYogaGraphiQL(document.getElementById("work"), {
    fetcher,
    defaultTabs,
    query: defaultTabs[0]?.query,
    title: "GraphiQL",
    logo: "",
    storage: sessionStorage, // what was typed may be a password: it ends with the tab
    shouldPersistHeaders: false,
    onEditQuery: () => history.replaceState(null, "", `${location.pathname}?graphiql`), // it would put the query into the address
  });
}

// GraphiQL needs more room than a phone has.
if (PHONE.matches) location.replace(`/graphql${location.hash}`);
else await startSignIn({ onIn: open });
