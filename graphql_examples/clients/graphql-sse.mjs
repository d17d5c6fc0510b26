// Runs a task and copies its output, by GraphQL over server-sent events: npm install graphql graphql-sse
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-sse";

const { SSHCAST_URL, SSHCAST_USER, SSHCAST_PASSWORD, SSHCAST_TASK } = process.env;
const url = `${SSHCAST_URL}/graphql`;
const TOKENS = "tokens { accessToken refreshToken expiresInSeconds } errors { code message }";
const LOGIN = `mutation ($username: String!, $password: String!) {
  payload: login(input: { username: $username, password: $password }) { ${TOKENS} } }`;
const REFRESH = `mutation ($refreshToken: String!) {
  payload: refresh(input: { refreshToken: $refreshToken }) { ${TOKENS} } }`;
const RUN = `mutation ($taskId: ID!, $key: String) {
  payload: runTask(input: { taskId: $taskId, idempotencyKey: $key }) { execution { id } errors { code message } } }`;
const WATCH = `subscription ($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    cursor
    ... on OutputChunk { stream base64 }
    ... on OutputEnd { state exitCode message }
  } }`;
const PASSING = ["NETWORK", "UNAUTHENTICATED", "RATE_LIMITED", "UNAVAILABLE", "OUTCOME_UNKNOWN"]; // try these again

const fail = (code, message, retryAfter = 0) => { throw Object.assign(new Error(message), { code, retryAfter }); };

async function call(query, variables, headers = {}) {
  const init = { method: "POST", headers: { "Content-Type": "application/json", ...headers } };
  const response = await fetch(url, { ...init, body: JSON.stringify({ query, variables }) }).catch(() => null);
  const answer = (await response?.json().catch(() => null)) ?? fail("NETWORK", "no answer");
  const [error] = answer.errors ?? answer.data.payload.errors;
  if (!error) return answer.data.payload;
  fail(error.extensions?.code ?? error.code, error.message, error.extensions?.retryAfterSeconds);
}

let session = null;

async function authorize() {
  if (!session || Date.now() > session.renewAt) {
    const asked = session
      ? call(REFRESH, { refreshToken: session.refreshToken })
      : call(LOGIN, { username: SSHCAST_USER, password: SSHCAST_PASSWORD });
    const refused = ({ code, message, retryAfter }) =>
      fail(code === "UNAUTHENTICATED" ? "SIGNED_OUT" : code, message, retryAfter);
    const { tokens } = await asked.catch(refused);
    session = { ...tokens, renewAt: Date.now() + tokens.expiresInSeconds * 800 }; // after 80 % of its time
  }
  return { Authorization: `Bearer ${session.accessToken}` };
}

let wait = 500; // milliseconds until the next try

async function persist(action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!PASSING.includes(error.code)) throw error;
      if (error.code === "UNAUTHENTICATED") session.renewAt = 0;
      await sleep(Math.max(wait * (0.5 + Math.random()), 1000 * error.retryAfter)); // as RATE_LIMITED asks
      wait = Math.min(wait * 2, 30_000);
    }
  }
}

// By itself the client would subscribe again with the variables of its first request, and double the output: no retries.
const client = createClient({ url, headers: authorize, retryAttempts: 0 });
let cursor = null; // of the last event that was dealt with
let end = null;

function take({ data, errors }) {
  if (errors) fail(errors[0].extensions.code, errors[0].message);
  const event = data.executionOutput;
  if (event.base64) process[event.stream.toLowerCase()].write(Buffer.from(event.base64, "base64"));
  if ("exitCode" in event) end = event;
  cursor = event.cursor;
  wait = 500;
}

function watch(id) {
  const refused = ({ response, code, message }) => {
    const known = { 401: "UNAUTHENTICATED", 429: "RATE_LIMITED" }[response?.status];
    const retryAfter = Number(response?.headers.get("Retry-After") ?? 0);
    return { code: code ?? known ?? (response?.status < 500 ? "REFUSED" : "NETWORK"), message, retryAfter };
  };
  return new Promise((complete, reject) => {
    const error = (cause) => reject(Object.assign(new Error(), refused(cause)));
    client.subscribe({ query: WATCH, variables: { id, after: cursor } }, { next: take, error, complete });
  });
}

const key = randomUUID(); // the same at each try, so that the task runs once although an answer is lost
const { execution } = await persist(async () => call(RUN, { taskId: SSHCAST_TASK, key }, await authorize()));
while (!end) await persist(() => watch(execution.id));
if (end.message) console.error(`${end.state}: ${end.message}`);
process.exitCode = end.exitCode ?? 255;
