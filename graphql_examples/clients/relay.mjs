// Shows a task and a server of the same number, runs the task and prints its output, byte for byte, by Relay.
// npm install relay-runtime graphql-ws ws; npm install -D relay-compiler
// Save it as relay.js beside relay.config.json and schema.graphql, with "type": "module" in package.json:
// npx relay-compiler && node relay.js
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";

const { SSHCAST_URL, SSHCAST_USER: username, SSHCAST_PASSWORD: password, SSHCAST_TASK: number } = process.env;

// The compiled form of a document, as babel-plugin-relay would put it here. With that plugin, import `graphql` instead.
const graphql = async ([text]) => (await import(`./__generated__/${/\w+ (\w+)/.exec(text)[1]}.graphql.js`)).default;

// Signing in goes past Relay: what Relay fetches is in its store, and tokens should be in none.
const TOKENS = "tokens { accessToken refreshToken expiresInSeconds } errors { code message }";
const LOGIN = `mutation($username: String!, $password: String!) {
  result: login(input: { username: $username, password: $password }) { ${TOKENS} }
}`;
const REFRESH = `mutation($refreshToken: String!) { result: refresh(input: { refreshToken: $refreshToken }) { ${TOKENS} } }`;
const PAIR = await graphql`query relayPairQuery($id: ID!) {
  task(id: $id) { nodeId id name }
  server(id: $id) { nodeId id name }
}`;
const RUN = await graphql`mutation relayRunMutation($input: RunTaskInput!) {
  runTask(input: $input) { execution { nodeId id } errors { code message } }
}`;
const WATCH = await graphql`subscription relayWatchSubscription($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    __typename cursor ... on OutputChunk { stream base64 } ... on OutputEnd { state exitCode }
  }
}`;
const PASSING_ERRORS = ["UNAVAILABLE", "RATE_LIMITED", "OUTCOME_UNKNOWN"];
const FINAL_CLOSES = [4400, 4406, 4409, 4429]; // this program speaks the protocol wrongly: no use in trying again
let session, renewing, cursor, end;

function check(errors) {
  if (!errors?.length) return;
  const [{ message, code, extensions }] = errors;
  throw Object.assign(new Error(message), { code, ...extensions }); // such as code and retryAfterSeconds
}

async function post(query, variables, token) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const body = JSON.stringify({ query, variables });
  const answer = await (await fetch(`${SSHCAST_URL}/graphql`, { method: "POST", headers, body })).json();
  check(answer.errors);
  return answer;
}

async function signIn(query, variables) {
  const { tokens, errors } = (await post(query, variables)).data.result;
  check(errors);
  session = { ...tokens, renewAt: Date.now() + tokens.expiresInSeconds * 800 }; // at 80 % of its life
}

async function getAccessToken() {
  if (Date.now() >= session.renewAt) {
    // One refresh at a time: a refresh token works once, and one used again later ends the session.
    renewing ??= signIn(REFRESH, { refreshToken: session.refreshToken }).finally(() => (renewing = undefined));
    await renewing;
  }
  return session.accessToken;
}

let noPong;
const client = createClient({
  url: `${SSHCAST_URL.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket, // browsers and Node 22 or newer have one of their own
  connectionParams: async () => ({ Authorization: `Bearer ${await getAccessToken()}` }), // for every connection anew
  retryAttempts: 0, // its retries begin at the cursor of the first time, and output since then would come twice
  keepAlive: 10_000, // a connection that is dead without a word is found out by a ping without a pong
  on: {
    ping: (received) => received || (noPong = setTimeout(() => client.terminate(), 5_000)),
    pong: () => clearTimeout(noPong),
    closed: ({ code }) => (clearTimeout(noPong), code === 1000 && client.terminate()),
  },
});

const fetchDocument = async ({ text }, variables) => post(text, variables, await getAccessToken());
const subscribeTo = ({ text }, variables) =>
  relay.Observable.create((sink) => client.subscribe({ query: text, variables }, sink));

const environment = new relay.Environment({
  network: relay.Network.create(fetchDocument, subscribeTo),
  store: new relay.Store(new relay.RecordSource()),
  getDataID: (node) => node.nodeId, // `id` is a number of its type: with it, a task and a server would be one record
});

async function mutate(mutation, input) {
  const answer = await new Promise((onCompleted, onError) =>
    relay.commitMutation(environment, { mutation, variables: { input }, onCompleted, onError }),
  );
  const [payload] = Object.values(answer);
  check(payload.errors);
  return payload;
}

async function retry(step) {
  for (let failures = 0; ; ) {
    const before = cursor;
    try {
      return await step();
    } catch (error) {
      const { code } = error; // of a close event, or of an error of the service
      failures = cursor === before ? failures + 1 : 1;
      const isFinal = typeof code === "string" ? !PASSING_ERRORS.includes(code) : FINAL_CLOSES.includes(code);
      if (isFinal || failures > 20) throw error;
      if (code === 4401 || code === 4403) session.renewAt = 0; // the token is no longer good: renew it first
      // RATE_LIMITED says how many seconds to wait at least.
      const asked = 1000 * (error.retryAfterSeconds ?? 0);
      await sleep(Math.max(asked, Math.random() * Math.min(10_000, 250 * 2 ** failures)));
    }
  }
}

function take({ executionOutput: event }) {
  if (event.__typename === "OutputChunk") process[event.stream.toLowerCase()].write(Buffer.from(event.base64, "base64"));
  if (event.__typename === "OutputEnd") end = event;
  cursor = event.cursor; // after the event was processed, never before
}

async function watch(id) {
  await new Promise((onCompleted, onError) =>
    relay.requestSubscription(environment, {
      subscription: WATCH, variables: { id, after: cursor }, onNext: take, onCompleted, onError,
    }),
  );
  if (!end) throw new Error("the stream ended before the run did");
}

await retry(() => signIn(LOGIN, { username, password }));
const pair = await retry(() => relay.fetchQuery(environment, PAIR, { id: number }).toPromise());
for (const [type, shown] of Object.entries(pair)) console.error(`${type} ${shown?.id}: ${shown?.name} (${shown?.nodeId})`);
const idempotencyKey = randomUUID(); // runTask with the same key again gives the same run, not a second one
const { execution } = await retry(() => mutate(RUN, { taskId: number, idempotencyKey }));
await retry(() => watch(execution.id));
process.exitCode = end.exitCode ?? 255; // null: ended by a signal, a time limit or a cancel; see `state`
