// The header and the sign-in form that both pages have: who is in, the language, out again.

import { session, signIn, signInByLink, signOut } from "/playground/session.js";
import { switchLanguage, translate, word } from "/playground/words.js";

const REFUSALS = ["expired", "denied", "invalid", "no_role", "disabled", "busy", "unavailable"];
let elsewhere = null; // the identity provider's name, and where to begin
let refusal = null; // why it did not let somebody in

const byId = (id) => document.getElementById(id);

// Shows the form or the work, whichever the session calls for.
export function show() {
  const current = session.read();
  byId("sign-in").hidden = current !== null;
  byId("work").hidden = current === null;
  byId("sign-out").hidden = current === null;
  byId("who").hidden = current === null;
  byId("who").textContent = current ? `${current.user.username} · ${current.user.role}` : "";
  if (current === null) byId("sign-in").username.focus();
}

// What came after the # of the address, once: browsers send that to nobody, and it leaves the address bar at once.
function handedOver() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("code") || given.has("refused")) history.replaceState(null, "", location.pathname + location.search);
  return { code: given.get("code"), refused: given.get("refused") };
}

// The link to the identity provider, where one is set up. It comes back to this page.
function showElsewhere() {
  const link = byId("sign-in-elsewhere");
  link.hidden = elsewhere === null;
  if (elsewhere === null) return;
  link.textContent = word("sign_in_with").replace("{name}", elsewhere.name);
  link.href = `${elsewhere.start}?return=${encodeURIComponent(location.pathname + location.search)}`;
}

async function findElsewhere() {
  const answer = await fetch("/auth/oidc").catch(() => null);
  elsewhere = answer?.ok ? (await answer.json()).data : null;
  showElsewhere();
}

async function guarded(work) {
  byId("sign-in-error").textContent = "";
  try {
    await work();
  } catch (error) {
    byId("sign-in-error").textContent = error.message;
  }
}

// A one-time link, or what became of signing in with the identity provider.
async function useHandedOver() {
  const { code, refused } = handedOver();
  refusal = refused;
  showRefusal();
  if (code) await guarded(() => signInByLink(code));
}

function showRefusal() {
  if (refusal) byId("sign-in-error").textContent = word(REFUSALS.includes(refusal) ? `refused_${refusal}` : "refused_failed");
}

// Calls `onIn` whenever somebody is signed in, `onLanguage` when the language changes.
export async function openDoor({ onIn, onLanguage = () => {} }) {
  const enter = () => {
    show();
    if (session.read()) onIn();
  };
  byId("sign-in").onsubmit = async (event) => {
    event.preventDefault();
    refusal = null;
    const form = new FormData(event.target);
    await guarded(() => signIn(form.get("username"), form.get("password")));
    event.target.password.value = "";
    enter();
  };
  byId("sign-out").onclick = async () => {
    await guarded(signOut);
    location.reload();
  };
  byId("language").onclick = () => {
    switchLanguage();
    showElsewhere();
    showRefusal();
    onLanguage();
  };
  translate();
  await useHandedOver();
  enter();
  await findElsewhere();
}
