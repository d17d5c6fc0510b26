// Runs a task and prints its output as it comes, byte for byte, through cuts and renewed tokens.
// npm install @urql/core @urql/exchange-auth graphql-ws wonka ws      (browsers have a WebSocket: leave `ws` out)
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { createClient as createSockets } from "graphql-ws";
import { toAsyncIterable } from "wonka";
import WebSocket from "ws";

const { SSHCAST_URL: url, SSHCAST_USER: username, SSHCAST_PASSWORD: password, SSHCAST_TASK: taskId } = process.env;

const TOKENS = "tokens { accessToken refreshToken expiresInSeconds } errors { code message }";
const LOGIN = gql`mutation($username: String!, $password: String!) {
  result: login(input: { username: $username, password: $password }) { ${TOKENS} }
}`;
const REFRESH = gql`mutation($refreshToken: String!) {
  result: refresh(input: { refreshToken: $refreshToken }) { ${TOKENS} }
}`;
const RUN = gql`mutation($taskId: ID!, $key: String!) {
  result: runTask(input: { taskId: $taskId, idempotencyKey: $key }) { execution { id } errors { code message } }
}`;
const WATCH = gql`subscription($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    __typename cursor ... on OutputChunk { stream base64 } ... on OutputEnd { state exitCode }
  }
}`;
const PASSING_ERRORS = ["UNAVAILABLE", "RATE_LIMITED", "OUTCOME_UNKNOWN"];
const FINAL_CLOSES = [4400, 4406, 4409, 4429]; // this program speaks the protocol wrongly: no use in trying again
let session, cursor, end, noPong;

function check({ data, error }) {
  if (error) throw error;
  const [refusal] = data.result?.errors ?? [];
  if (refusal) throw Object.assign(new Error(refusal.message), { code: refusal.code });
  return data;
}

function keep({ tokens }) {
  session = { ...tokens, renewAt: Date.now() + tokens.expiresInSeconds * 800 }; // at 80 % of its life
}

const sockets = createSockets({
  url: `${url.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: () => ({ Authorization: `Bearer ${session.accessToken}` }), // a function: for every connection anew
  // The library's own retries subscribe again with the variables of the first time, and all output since comes twice.
  // It does so even with 0 after a close with 1000; terminate() makes that an error like the others.
  retryAttempts: 0,
  keepAlive: 10_000, // a connection that is dead without a word is found out by a ping without a pong
  on: {
    ping: (received) => received || (noPong = setTimeout(() => sockets.terminate(), 5_000)),
    pong: () => clearTimeout(noPong),
    closed: ({ code }) => (clearTimeout(noPong), code === 1000 && sockets.terminate()),
  },
});

const auth = authExchange(async ({ mutate, appendHeaders }) => ({
  addAuthToOperation: (operation) =>
    session ? appendHeaders(operation, { Authorization: `Bearer ${session.accessToken}` }) : operation,
  willAuthError: () => session && Date.now() >= session.renewAt, // asked before subscriptions too
  // Never for a subscription: after a refresh this exchange would send it again with its old variables.
  didAuthError: ({ graphQLErrors }, { kind }) =>
    kind !== "subscription" && graphQLErrors.some(({ extensions }) => extensions.code === "UNAUTHENTICATED"),
  refreshAuth: async () => keep(check(await mutate(REFRESH, { refreshToken: session.refreshToken })).result),
}));
const client = createClient({
  url: `${url}/graphql`,
  exchanges: [
    auth,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
      }),
    }),
    fetchExchange,
  ],
});

async function retry(step) {
  for (let failures = 0; ; ) {
    const before = cursor;
    try {
      return await step();
    } catch (error) {
      const code = error.graphQLErrors?.[0]?.extensions?.code ?? error.networkError?.code ?? error.code;
      failures = cursor === before ? failures + 1 : 1;
      const final = typeof code === "string" ? !PASSING_ERRORS.includes(code) : FINAL_CLOSES.includes(code);
      if (final || failures > 20) throw error;
      if (code === 4401 || code === 4403) session.renewAt = 0; // the token is no longer good: renew it first
      // RATE_LIMITED says how many seconds to wait at least.
      const asked = 1000 * (error.graphQLErrors?.[0]?.extensions?.retryAfterSeconds ?? 0);
      await sleep(Math.max(asked, Math.random() * Math.min(10_000, 250 * 2 ** failures)));
    }
  }
}

function print({ stream, base64 }) {
  (stream === "STDOUT" ? process.stdout : process.stderr).write(Buffer.from(base64, "base64"));
}

async function watch(id) {
  for await (const result of toAsyncIterable(client.subscription(WATCH, { id, after: cursor }))) {
    const event = check(result).executionOutput;
    if (event.__typename === "OutputChunk") print(event);
    if (event.__typename === "OutputEnd") end = event;
    cursor = event.cursor; // after the event was processed, never before
  }
  if (!end) throw new Error("the stream ended before the run did");
}

keep(await retry(async () => check(await client.mutation(LOGIN, { username, password })).result));
const key = randomUUID(); // runTask with the same key again gives the same run, not a second one
const { execution } = await retry(async () => check(await client.mutation(RUN, { taskId, key })).result);
await retry(() => watch(execution.id));
sockets.dispose();
process.exitCode = end.exitCode ?? 255; // null: ended by a signal, a time limit or a cancel; see `state`
