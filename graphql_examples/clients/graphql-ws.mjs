// Runs a task and prints its output as it comes, byte for byte, through cuts and renewed tokens.
// npm install graphql-ws ws      (browsers and Node 22 or newer have a WebSocket of their own: leave `ws` out)
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const { SSHCAST_URL: url, SSHCAST_USER: username, SSHCAST_PASSWORD: password, SSHCAST_TASK: taskId } = process.env;

const TOKENS = "tokens { accessToken refreshToken expiresInSeconds } errors { code message }";
const LOGIN = `mutation($username: String!, $password: String!) {
  result: login(input: { username: $username, password: $password }) { ${TOKENS} }
}`;
const REFRESH = `mutation($refreshToken: String!) {
  result: refresh(input: { refreshToken: $refreshToken }) { ${TOKENS} }
}`;
const RUN = `mutation($taskId: ID!, $key: String!) {
  result: runTask(input: { taskId: $taskId, idempotencyKey: $key }) { execution { id } errors { code message } }
}`;
const WATCH = `subscription($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    __typename cursor ... on OutputChunk { stream base64 } ... on OutputEnd { state exitCode }
  }
}`;
const PASSING_ERRORS = ["UNAVAILABLE", "RATE_LIMITED", "OUTCOME_UNKNOWN"];
const FINAL_CLOSES = [4400, 4406, 4409, 4429]; // this program speaks the protocol wrongly: no use in trying again
let session, renewing, cursor, end, noPong;

function check(errors) {
  if (!errors?.length) return;
  const [{ message, code, extensions }] = errors;
  throw Object.assign(new Error(message), { code, ...extensions }); // such as code and retryAfterSeconds
}

async function post(query, variables, token) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  check(errors ?? data.result.errors);
  return data.result;
}

function keep({ tokens }) {
  session = { ...tokens, renewAt: Date.now() + tokens.expiresInSeconds * 800 }; // at 80 % of its life
}

async function accessToken() {
  if (Date.now() >= session.renewAt) {
    // One refresh at a time: a refresh token works once, and one used again later ends the session.
    renewing ??= post(REFRESH, { refreshToken: session.refreshToken }).then(keep).finally(() => (renewing = undefined));
    await renewing;
  }
  return session.accessToken;
}

async function retry(step) {
  for (let failures = 0; ; ) {
    const before = cursor;
    try {
      return await step();
    } catch (error) {
      const { code } = error; // of a close event, or of an error of the service
      failures = cursor === before ? failures + 1 : 1;
      const final = typeof code === "string" ? !PASSING_ERRORS.includes(code) : FINAL_CLOSES.includes(code);
      if (final || failures > 20) throw error;
      if (code === 4401 || code === 4403) session.renewAt = 0; // the token is no longer good: renew it first
      // RATE_LIMITED says how many seconds to wait at least.
      const asked = 1000 * (error.retryAfterSeconds ?? 0);
      await sleep(Math.max(asked, Math.random() * Math.min(10_000, 250 * 2 ** failures)));
    }
  }
}

const client = createClient({
  url: `${url.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: async () => ({ Authorization: `Bearer ${await accessToken()}` }), // for every connection anew
  // The library's own retries subscribe again with the variables of the first time, and all output since comes twice.
  // It does so even with 0 after a close with 1000; terminate() makes that an error like the others.
  retryAttempts: 0,
  keepAlive: 10_000, // a connection that is dead without a word is found out by a ping without a pong
  on: {
    ping: (received) => received || (noPong = setTimeout(() => client.terminate(), 5_000)),
    pong: () => clearTimeout(noPong),
    closed: ({ code }) => (clearTimeout(noPong), code === 1000 && client.terminate()),
  },
});

function print({ stream, base64 }) {
  (stream === "STDOUT" ? process.stdout : process.stderr).write(Buffer.from(base64, "base64"));
}

async function watch(id) {
  for await (const { data, errors } of client.iterate({ query: WATCH, variables: { id, after: cursor } })) {
    check(errors);
    const event = data.executionOutput;
    if (event.__typename === "OutputChunk") print(event);
    if (event.__typename === "OutputEnd") end = event;
    cursor = event.cursor; // after the event was processed, never before
  }
  if (!end) throw new Error("the stream ended before the run did");
}

keep(await retry(() => post(LOGIN, { username, password })));
const key = randomUUID(); // runTask with the same key again gives the same run, not a second one
const { execution } = await retry(async () => post(RUN, { taskId, key }, await accessToken()));
await retry(() => watch(execution.id));
client.dispose();
process.exitCode = end.exitCode ?? 255; // null: ended by a signal, a time limit or a cancel; see `state`
