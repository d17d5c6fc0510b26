// The header and the sign-in form that both pages have: who is in, the language, out again.

import { showNotice } from "/playground/notice.js";
import { Refused, restore, session, signIn, signInByLink, signOut, watchSession } from "/playground/session.js";
import { switchLanguage, translate, word, worded } from "/playground/words.js";

const REFUSALS = ["expired", "denied", "invalid", "no_role", "disabled", "busy", "unavailable"];
let elsewhere = null; // the identity provider's name, and where to begin
let refusal = null; // why it did not let somebody in
let owner = null; // whose work the page shows
let begun = false; // whether the page shows the form or the work yet

const byId = (id) => document.getElementById(id);

// Shows the form or the work, whichever the session calls for.
export function show() {
  const current = session.read();
  byId("starting").hidden = true;
  byId("sign-in").hidden = current !== null;
  byId("work").hidden = current === null;
  byId("sign-out").hidden = current === null;
  byId("who").hidden = current === null;
  byId("who").replaceChildren(...(current ? [`${current.user.username} · `, worded(`is_${current.user.role}`)] : []));
  if (current !== null) return;
  const error = byId("sign-in-error");
  if (owner !== null && !error.textContent) error.append(worded("session_over")); // somebody was in, and did not leave
  byId("sign-in").username.focus();
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

// What went wrong stands in the form, or under the header while somebody is in.
function tell(text) {
  byId("sign-in-error").textContent = text;
  const current = session.read();
  if (current && text) showNotice(`${text} ${word("still_in").replace("{name}", current.user.username)}`);
}

async function guarded(work) {
  byId("sign-in-error").textContent = "";
  try {
    await work();
  } catch (error) {
    tell(error.message);
  }
}

async function followLink(code) {
  try {
    await signInByLink(code);
  } catch (error) {
    await restore().catch(() => {}); // whoever is signed in already stays
    throw error instanceof Refused ? new Error(`${error.message} ${word("link_advice")}`) : error;
  }
}

// A one-time link, or what became of signing in with the identity provider.
async function useHandedOver() {
  const { code, refused } = handedOver();
  refusal = refused;
  await guarded(() => (code ? followLink(code) : restore()));
  if (!code) showRefusal();
}

function showRefusal() {
  if (refusal) tell(word(REFUSALS.includes(refusal) ? `refused_${refusal}` : "refused_failed"));
}

// What one user was shown is not for the next one who signs in in this tab.
function enter(onIn) {
  const current = session.read();
  begun = true;
  if (current && owner !== null && owner !== current.user.id) {
    location.reload();
    return;
  }
  owner = current?.user.id ?? owner;
  show();
  if (current) onIn();
}

// Calls `onIn` whenever somebody is signed in, `onLanguage` when the language changes.
export async function startSignIn({ onIn, onLanguage = () => {} }) {
  byId("sign-in").onsubmit = async (event) => {
    event.preventDefault();
    refusal = null;
    const form = new FormData(event.target);
    await guarded(() => signIn(form.get("username"), form.get("password")));
    event.target.password.value = "";
    enter(onIn);
  };
  byId("sign-out").onclick = async () => {
    await guarded(signOut);
    location.reload();
  };
  byId("language").onclick = () => {
    switchLanguage();
    showElsewhere();
    if (session.read() === null) showRefusal();
    onLanguage();
  };
  watchSession(() => {
    if (begun && session.read() === null) location.reload();
    else if (begun) enter(onIn);
  });
  translate();
  let handing = Promise.resolve();
  const takeOver = () => {
    handing = handing.then(useHandedOver).then(() => enter(onIn));
    return handing;
  };
  addEventListener("hashchange", () => {
    if (/[#&](code|refused)=/.test(location.hash)) takeOver(); // a link that was opened in this tab: nothing is loaded anew
  });
  await takeOver();
  await findElsewhere();
}
