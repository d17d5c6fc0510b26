// The page: sign in, choose an example or write a query, run it, watch a subscription.

import { request, subscribe } from "/playground/client.js";
import { session, signIn, signInByLink, signOut } from "/playground/session.js";

const byId = (id) => document.getElementById(id);
const MOST_SHOWN = 500;
let stopSubscription = null;

function show() {
  const current = session.read();
  byId("sign-in").hidden = current !== null;
  byId("work").hidden = current === null;
  byId("sign-out").hidden = current === null;
  byId("who").textContent = current ? `${current.user.username} (${current.user.role})` : "";
}

async function guarded(work) {
  byId("sign-in-error").textContent = "";
  try {
    await work();
  } catch (error) {
    byId("sign-in-error").textContent = error.message;
  }
  show();
}

async function useLink() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return;
  history.replaceState(null, "", location.pathname);
  await guarded(() => signInByLink(code));
}

async function listExamples() {
  const answer = await fetch("/playground/examples.json");
  for (const example of await answer.json()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = example.name;
    button.onclick = () => load(example);
    const item = document.createElement("li");
    item.append(button);
    byId("examples").append(item);
  }
}

function load(example) {
  byId("query").value = example.query;
  byId("variables").value = JSON.stringify(example.variables, null, 2);
}

function finish(status) {
  stopSubscription = null;
  byId("run").disabled = false;
  byId("stop").disabled = true;
  byId("status").textContent = status;
}

function watch(asked) {
  const shown = [];
  byId("stop").disabled = false;
  const onEvent = (event) => {
    shown.push(JSON.stringify(event, null, 2));
    if (shown.length > MOST_SHOWN) shown.shift();
    byId("result").textContent = shown.join("\n");
    byId("result").scrollTop = byId("result").scrollHeight;
  };
  stopSubscription = subscribe(asked, onEvent, finish);
}

async function run() {
  if (byId("run").disabled) return;
  byId("run").disabled = true;
  byId("status").textContent = "…";
  byId("result").textContent = "";
  try {
    const asked = { query: byId("query").value, variables: JSON.parse(byId("variables").value || "{}") };
    if (/^\s*(#.*\s*)*subscription\b/.test(asked.query)) {
      watch(asked);
      return;
    }
    byId("result").textContent = JSON.stringify(await request(asked), null, 2);
    finish("");
  } catch (error) {
    finish(error.message);
  }
}

byId("sign-in").onsubmit = (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  guarded(() => signIn(form.get("username"), form.get("password")));
};
byId("sign-out").onclick = () => guarded(signOut);
byId("run").onclick = run;
byId("stop").onclick = () => stopSubscription?.();
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});

await useLink();
show();
await listExamples();
