// Runs a task and copies its output, by REST with an EventSource: npm install eventsource
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { EventSource } from "eventsource";

const { SSHCAST_URL, SSHCAST_USER, SSHCAST_PASSWORD, SSHCAST_TASK } = process.env;
let tokens = null; // { access_token, refresh_token }

async function request(url, init) {
  const response = await fetch(url, init);
  // Thrown, so that it counts as a lost connection: an EventSource gives up for good at any status but 200.
  const retryAfter = Number(response.headers.get("Retry-After") ?? 0);
  if (response.status === 429 || response.status >= 500)
    throw Object.assign(new TypeError(`HTTP ${response.status}`), { retryAfter });
  return response;
}

function post(path, body, headers = {}) {
  const init = { method: "POST", headers: { "Content-Type": "application/json", ...headers } };
  return request(SSHCAST_URL + path, { ...init, body: JSON.stringify(body) });
}

// Puts new tokens in place of the old ones, unless the service refuses to give any.
async function keepTokens(response) {
  if (response.ok) tokens = (await response.json()).data;
  return response.ok;
}

// fetch with the access token in a header, where no log and no history keeps it. After a 401: once more, with a new token.
async function authorizedFetch(url, init) {
  const send = () => request(url, { ...init, headers: { ...init.headers, Authorization: `Bearer ${tokens.access_token}` } });
  const response = await send();
  if (response.status !== 401) return response;
  const isRenewed = await keepTokens(await post("/api/auth/refresh", { refresh_token: tokens.refresh_token }));
  return isRenewed ? send() : response;
}

// Repeats `action` while the network or the service is away.
async function persist(action) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 30_000)) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws when there was no answer
      await sleep(Math.max(wait * (0.5 + Math.random()), 1000 * (error.retryAfter ?? 0)));
    }
  }
}

// The source comes back by itself after 3 s, with the id of the last whole event in Last-Event-ID: nothing comes twice.
function watch(execution) {
  const source = new EventSource(`${SSHCAST_URL}/api/task/${execution}/log`, { fetch: authorizedFetch });
  source.addEventListener("chunk", ({ data }) => {
    const { stream, base64 } = JSON.parse(data);
    process[stream].write(Buffer.from(base64, "base64"));
  });
  return new Promise((resolve, reject) => {
    source.addEventListener("end", ({ data }) => {
      source.close(); // or it would ask again, and be told 204
      resolve(JSON.parse(data));
    });
    source.addEventListener("error", (event) => {
      if (source.readyState === EventSource.CLOSED) reject(new Error(event.message)); // 401, 403, 404: not passing
    });
  });
}

const login = { username: SSHCAST_USER, password: SSHCAST_PASSWORD };
if (!(await persist(async () => keepTokens(await post("/api/auth/login", login))))) throw new Error("wrong password");
const key = randomUUID(); // the same at each try, so that the task runs once although an answer is lost
const run = { method: "POST", headers: { "Idempotency-Key": key } };
const started = await persist(async () => {
  const response = await authorizedFetch(`${SSHCAST_URL}/api/tasks/${SSHCAST_TASK}/execute`, run);
  return response.json();
});
if (started.code !== 200) throw new Error(started.message);
const end = await watch(started.execution_id);
if (end.message) console.error(`${end.state}: ${end.message}`);
process.exitCode = end.exit_code ?? 255;
