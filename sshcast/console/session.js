// Who is signed in. Each tab keeps an access token for itself; the refresh token is in a cookie that no script can read. Tabs
// hand each other new access tokens, so that one of them refreshes for all, and signing out in one signs out all.

import { spoken, word } from "/playground/words.js";

const KEY = "sshcast.session";
// Tells tabs without a session whether the cookie is worth a try: "in", or "leaving" where signing out did not reach the service.
const HINT = "sshcast.signed_in";
const LOCK = "sshcast-refresh";
const OPEN = "sshcast-open"; // held by every tab, so that a tab that is alone waits for nobody's answer
const LOCK_MS = 15_000; // a tab that holds the lock may be frozen
const ANSWER_MS = 120; // how long other tabs may take to answer
// An answer may get lost: the service takes the same refresh token again within 10 s.
const PAUSES_MS = [300, 1200, 4000];
const REFUSALS = [400, 401, 403];
const channel = new BroadcastChannel("sshcast-session");
navigator.locks?.request(OPEN, { mode: "shared" }, () => new Promise(() => {}));
let renewal = null;
let answered = () => {};
let onChange = () => {};

// The service answered, and said no. What is only for now (too many requests, no database) is an ordinary error.
export class Refused extends Error {}

// Nobody answered, or a proxy did: the service may have done what it was asked for.
class Unanswered extends Error {}

export const session = {
  read() {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  },
  write(value) {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(value));
  },
};

export const bearer = () => `Bearer ${session.read()?.access_token ?? ""}`;

// Calls `listener` when another tab changed who is signed in here, or signed out.
export function watchSession(listener) {
  onChange = listener;
}

// The status and body of the service's answer. Its error says so where there is none, or where a proxy answered for it.
export async function call(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new Unanswered(word("unreachable"));
  });
  try {
    return { status: answer.status, body: await answer.json() };
  } catch {
    throw new Unanswered(word("no_answer").replace("{status}", answer.status));
  }
}

async function post(path, body) {
  const { status, body: found } = await call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": spoken() },
    body: JSON.stringify(body),
  });
  if (status !== 200) throw new (REFUSALS.includes(status) ? Refused : Error)(found.message ?? `HTTP ${status}`);
  return found.data;
}

export const signIn = async (username, password) => adopt(await post("/api/auth/login", { username, password, keep: "cookie" }));
export const signInByLink = async (code) => adopt(await post("/api/auth/link", { code, keep: "cookie" }));

// Keeps a session that the service just gave, and hands it to the other tabs.
function adopt({ access_token, user }) {
  const since = Math.max(Date.now(), (session.read()?.since ?? 0) + 1);
  session.write({ access_token, user, since });
  localStorage.setItem(HINT, "in");
  channel.postMessage({ kind: "have", session: session.read() });
}

function forget() {
  session.write(null);
  localStorage.removeItem(HINT);
}

// A new access token in place of `used`, once however many ask for it, in however many tabs. Where the service refuses,
// nobody is signed in any more.
export function renew(used = bearer()) {
  renewal ??= takeTurns(() => renewOnce(used)).finally(() => {
    renewal = null;
  });
  return renewal;
}

async function renewOnce(used) {
  if (bearer() === used) await askTabs();
  if (bearer() === used) await refresh();
}

// One tab at a time. Without the lock (a browser that has none, a tab that is frozen with it) both get the same token.
async function takeTurns(work) {
  if (!navigator.locks) return work();
  try {
    return await navigator.locks.request(LOCK, { signal: AbortSignal.timeout(LOCK_MS) }, work);
  } catch (error) {
    if (error.name === "TimeoutError") return work();
    throw error;
  }
}

async function isAlone() {
  const { held, pending } = (await navigator.locks?.query()) ?? { held: [], pending: [] };
  return [...held, ...pending].filter(({ name }) => name === OPEN).length === 1;
}

async function askTabs() {
  if (await isAlone()) return null;
  const mine = session.read();
  channel.postMessage({ kind: "ask", user: mine?.user.id ?? null, since: mine?.since ?? 0 });
  return new Promise((resolve) => {
    answered = resolve;
    setTimeout(resolve, ANSWER_MS);
  });
}

async function refresh() {
  const before = session.read();
  let found;
  try {
    found = await persist(() => post("/api/auth/refresh", {}));
  } catch (error) {
    if (error instanceof Refused) forget();
    throw error;
  }
  adopt(found);
  if (before === null || before.user.id === found.user.id) return;
  onChange(); // somebody else has signed in in another tab: what was asked for here is not done in their name
  throw new Refused(word("session_over"));
}

async function persist(work) {
  for (const pause of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
    await new Promise((later) => setTimeout(later, pause));
  }
  return work();
}

// Signs a tab in that has no session yet: with what another tab has, or by the cookie.
export async function restore() {
  const hint = localStorage.getItem(HINT);
  if (session.read() !== null || hint === null) return;
  try {
    if (hint === "leaving") await leaveByCookie();
    else await renew();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    localStorage.removeItem(HINT);
  }
}

// Ends the session on the service too. Where that is not reached, the page that is opened next tries it again.
export async function signOut() {
  const token = bearer();
  localStorage.setItem(HINT, "leaving");
  try {
    if ((await leave(token)) === 401) await leaveByCookie();
    else localStorage.removeItem(HINT);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    localStorage.removeItem(HINT);
  } finally {
    session.write(null);
    channel.postMessage({ kind: "left", token });
  }
}

const leave = async (authorization) =>
  (await call("/api/auth/logout", { method: "POST", headers: { Authorization: authorization } })).status;

// Ends the session whose access token has run out or is gone.
async function leaveByCookie() {
  const { access_token } = await post("/api/auth/refresh", {});
  await leave(`Bearer ${access_token}`);
  localStorage.removeItem(HINT);
}

const HANDLERS = {
  ask({ user, since }) {
    const mine = session.read();
    const isWanted = mine && !mine.alone && mine.since > since && (user === null || user === mine.user.id);
    if (isWanted) channel.postMessage({ kind: "have", session: mine });
  },
  have({ session: theirs }) {
    const mine = session.read();
    // The cookie is another user's now: this tab keeps what it has for as long as that is good.
    if (mine && mine.user.id !== theirs.user.id) session.write({ ...mine, alone: true });
    else if (!mine || !(mine.since >= theirs.since)) session.write(theirs);
    answered();
    if (mine === null) onChange();
  },
  left({ token }) {
    const mine = bearer();
    if (session.read() === null) return;
    session.write(null);
    if (mine !== token) leave(mine).catch(() => {}); // a session of its own
    onChange();
  },
};

channel.onmessage = ({ data }) => HANDLERS[data.kind]?.(data);
