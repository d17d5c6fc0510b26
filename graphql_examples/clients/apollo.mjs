// Runs a task and prints its output as it comes, byte for byte, through cuts and renewed tokens.
// npm install @apollo/client graphql graphql-ws rxjs ws      (browsers have a WebSocket of their own: leave `ws` out)
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import { OperationTypeNode } from "graphql";
import WebSocket from "ws";

globalThis.WebSocket ??= WebSocket; // GraphQLWsLink looks for it by this name
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
let session, renewing, cursor, end, closeCode, noPong;

async function accessToken() {
  if (Date.now() >= session.renewAt) {
    // One refresh at a time: a refresh token works once, and one used again later ends the session.
    renewing ??= send(REFRESH, { refreshToken: session.refreshToken }).then(keep).finally(() => (renewing = undefined));
    await renewing;
  }
  return session.accessToken;
}

function keep({ tokens }) {
  session = { ...tokens, renewAt: Date.now() + tokens.expiresInSeconds * 800 }; // at 80 % of its life
}

const sockets = createClient({
  url: `${url.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: async () => ({ Authorization: `Bearer ${await accessToken()}` }), // for every connection anew
  // The library's own retries subscribe again with the variables of the first time, and all output since comes twice.
  // It does so even with 0 after a close with 1000; terminate() makes that an error like the others.
  retryAttempts: 0,
  keepAlive: 10_000, // a connection that is dead without a word is found out by a ping without a pong
  on: {
    ping: (received) => received || (noPong = setTimeout(() => sockets.terminate(), 5_000)),
    pong: () => clearTimeout(noPong),
    closed: ({ code }) => (clearTimeout(noPong), (closeCode = code), code === 1000 && sockets.terminate()),
  },
});
const withToken = new SetContextLink(async ({ headers, anonymous }) =>
  anonymous ? {} : { headers: { ...headers, Authorization: `Bearer ${await accessToken()}` } },
);
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    withToken.concat(new HttpLink({ uri: `${url}/graphql` })),
  ),
});

async function send(mutation, variables, context = { anonymous: true }) {
  const { data } = await client.mutate({ mutation, variables, context, fetchPolicy: "no-cache" });
  const [error] = data.result.errors;
  if (error) throw Object.assign(new Error(error.message), { code: error.code });
  return data.result;
}

async function retry(step) {
  for (let failures = 0; ; ) {
    const before = cursor;
    closeCode = undefined;
    try {
      return await step();
    } catch (error) {
      const code = CombinedGraphQLErrors.is(error) ? error.errors[0].extensions?.code : (error.code ?? closeCode);
      failures = cursor === before ? failures + 1 : 1;
      const final = typeof code === "string" ? !PASSING_ERRORS.includes(code) : FINAL_CLOSES.includes(code);
      if (final || failures > 20) throw error;
      if (code === 4401 || code === 4403) session.renewAt = 0; // the token is no longer good: renew it first
      // RATE_LIMITED says how many seconds to wait at least.
      const asked = 1000 * (error.errors?.[0].extensions?.retryAfterSeconds ?? 0);
      await sleep(Math.max(asked, Math.random() * Math.min(10_000, 250 * 2 ** failures)));
    }
  }
}

function print({ stream, base64 }) {
  (stream === "STDOUT" ? process.stdout : process.stderr).write(Buffer.from(base64, "base64"));
}

function take(event) {
  if (event.__typename === "OutputChunk") print(event);
  if (event.__typename === "OutputEnd") end = event;
  cursor = event.cursor; // after the event was processed, never before
}

function watch(id) {
  // Without "no-cache" every chunk would be written to the cache as well. Apollo 4 gives errors to `next`.
  const events = client.subscribe({ query: WATCH, variables: { id, after: cursor }, fetchPolicy: "no-cache" });
  return new Promise((resolve, reject) => {
    events.subscribe({
      next: ({ data, error }) => (error ? reject(error) : take(data.executionOutput)),
      error: reject,
      complete: () => (end ? resolve() : reject(new Error("the stream ended before the run did"))),
    });
  });
}

keep(await retry(() => send(LOGIN, { username, password })));
const key = randomUUID(); // runTask with the same key again gives the same run, not a second one
const { execution } = await retry(() => send(RUN, { taskId, key }, {}));
await retry(() => watch(execution.id));
sockets.dispose();
process.exitCode = end.exitCode ?? 255; // null: ended by a signal, a time limit or a cancel; see `state`
