// Runs a task and copies its output, by REST with axios: npm install axios
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import axios from "axios";

const { SSHCAST_URL, SSHCAST_USER, SSHCAST_PASSWORD, SSHCAST_TASK } = process.env;
const SILENCE = 45_000; // the service sends a heartbeat at least every 15 s
const api = axios.create({ baseURL: SSHCAST_URL, timeout: 10_000 });
let tokens = null; // { access_token, refresh_token }
let renewing = null; // one renewal for all requests that meet a 401 at the same time

api.interceptors.request.use((config) => {
  if (tokens) config.headers.Authorization = `Bearer ${tokens.access_token}`;
  return config;
});

// axios puts the whole request into its errors: printed as they are, they would show passwords and tokens.
function strip({ message, code, response }) {
  const { status, headers } = response ?? {};
  const kept = status && { status, retryAfter: Number(headers["retry-after"] ?? 0) };
  return Object.assign(new Error(response?.data?.message ?? message), { code, response: kept });
}

// After a 401: one renewal, one replay.
api.interceptors.response.use(null, async (error) => {
  const { config, response } = error;
  if (response?.status !== 401 || config.replayed || config.url.startsWith("/api/auth/")) throw strip(error);
  response.data?.destroy?.(); // a streamed answer that nobody reads would keep its connection
  renewing ??= api.post("/api/auth/refresh", { refresh_token: tokens.refresh_token }).finally(() => (renewing = null));
  tokens = (await renewing).data.data;
  return api({ ...config, replayed: true });
});

// A network's error has a code and no answer; of the answers, 429 and 5xx pass.
const isPassing = ({ code, response }) => (response ? response.status === 429 || response.status >= 500 : Boolean(code));
let wait = 500; // milliseconds until the next try

async function persist(action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await sleep(Math.max(wait * (0.5 + Math.random()), 1000 * (error.response?.retryAfter ?? 0)));
      wait = Math.min(wait * 2, 30_000);
    }
  }
}

let cursor = "o0"; // the position after the last event that was dealt with: "o0" is the beginning
let end = null;

function take(event) {
  if (event.event === "heartbeat") return;
  if (event.event === "error") {
    if (event.code === 401) return; // the token has expired: the stream ends, and the next request renews it
    throw Object.assign(new Error(event.message), { response: { status: event.code } });
  }
  if (event.event === "chunk") process[event.stream].write(Buffer.from(event.base64, "base64"));
  if (event.event === "end") end = event;
  cursor = event.cursor;
  wait = 500;
}

async function watch(id) {
  const headers = { Accept: "application/x-ndjson" }; // one JSON object a line
  const asked = { params: { cursor }, headers, responseType: "stream", timeout: 0 };
  const { data } = await api.get(`/api/task/${id}/log`, asked);
  const silence = setTimeout(() => data.destroy(Object.assign(new Error("silent"), { code: "ETIMEDOUT" })), SILENCE);
  let rest = "";
  try {
    for await (const text of data.setEncoding("utf8")) {
      silence.refresh();
      const lines = (rest + text).split("\n");
      rest = lines.pop(); // what a cut leaves here has not been dealt with: it comes again
      for (const line of lines) take(JSON.parse(line));
    }
  } finally {
    clearTimeout(silence);
  }
}

const login = { username: SSHCAST_USER, password: SSHCAST_PASSWORD };
tokens = (await persist(() => api.post("/api/auth/login", login))).data.data;
const headers = { "Idempotency-Key": randomUUID() }; // the same at each try: the task runs once
const started = await persist(() => api.post(`/api/tasks/${SSHCAST_TASK}/execute`, null, { headers }));
while (!end) await persist(() => watch(started.data.execution_id));
if (end.message) console.error(`${end.state}: ${end.message}`);
process.exitCode = end.exit_code ?? 255;
