// The header and the sign-in form that both pages have: who is in, the language, out again.

import { session, signIn, signInByLink, signOut } from "/playground/session.js";
import { switchLanguage, translate } from "/playground/words.js";

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

async function guarded(work) {
  byId("sign-in-error").textContent = "";
  try {
    await work();
  } catch (error) {
    byId("sign-in-error").textContent = error.message;
  }
}

// A one-time link has its code after the #, which browsers send to nobody; it leaves the address bar at once.
async function useLink() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  await guarded(() => signInByLink(code));
}

// Calls `onIn` whenever somebody is signed in, `onLanguage` when the language changes.
export async function openDoor({ onIn, onLanguage = () => {} }) {
  const enter = () => {
    show();
    if (session.read()) onIn();
  };
  byId("sign-in").onsubmit = async (event) => {
    event.preventDefault();
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
    onLanguage();
  };
  translate();
  await useLink();
  enter();
}
