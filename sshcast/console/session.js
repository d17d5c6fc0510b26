// Who is signed in: tokens live in this tab only, and an access token that ran out is renewed once.

const KEY = "sshcast.session";

export const session = {
  read() {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  },
  write(value) {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(value));
  },
};

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": navigator.language },
    body: JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.message ?? `HTTP ${answer.status}`);
  session.write(found.data);
  return found.data;
}

export const signIn = (username, password) => post("/api/auth/login", { username, password });
export const signInByLink = (code) => post("/api/auth/link", { code });
export const renew = () => post("/api/auth/refresh", { refresh_token: session.read().refresh_token });

export async function signOut() {
  const headers = { Authorization: `Bearer ${session.read().access_token}` };
  await fetch("/api/auth/logout", { method: "POST", headers });
  session.write(null);
}
