// Who is signed in: tokens live in this tab only, and an access token that ran out is renewed once.

import { spoken, word } from "/playground/words.js";

const KEY = "sshcast.session";
const REFUSALS = [400, 401, 403];
let renewal = null;

// The service answered, and said no. What is only for now (too many requests, no database) is an ordinary error.
export class Refused extends Error {}

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

// The status and body of the service's answer. Its error says so where there is none, or where a proxy answered for it.
export async function call(path, options) {
  const answer = await fetch(path, options).catch(() => {
    throw new Error(word("unreachable"));
  });
  try {
    return { status: answer.status, body: await answer.json() };
  } catch {
    throw new Error(word("no_answer").replace("{status}", answer.status));
  }
}

async function post(path, body) {
  const { status, body: found } = await call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": spoken() },
    body: JSON.stringify(body),
  });
  if (status !== 200) throw new (REFUSALS.includes(status) ? Refused : Error)(found.message ?? `HTTP ${status}`);
  session.write(found.data);
}

export const signIn = (username, password) => post("/api/auth/login", { username, password });
export const signInByLink = (code) => post("/api/auth/link", { code });

// New tokens for the old ones, once however many ask at the same time: a refresh token is good for one use.
// When they are refused, nobody is signed in any more.
export function renew() {
  renewal ??= post("/api/auth/refresh", { refresh_token: session.read()?.refresh_token ?? "" })
    .catch((error) => {
      if (error instanceof Refused) session.write(null);
      throw error;
    })
    .finally(() => {
      renewal = null;
    });
  return renewal;
}

// Ends the session on the service too; one whose access token has run out is renewed for that.
export async function signOut() {
  const leave = () => fetch("/api/auth/logout", { method: "POST", headers: { Authorization: bearer() } });
  try {
    if ((await leave()).status === 401) {
      await renew();
      await leave();
    }
  } finally {
    session.write(null);
  }
}
