// GraphQL over HTTP for queries and mutations, and graphql-transport-ws for subscriptions.

import { bearer, call, renew } from "/playground/session.js";
import { spoken } from "/playground/words.js";

const RETRIES = 6;
const NOT_ALLOWED = [4401, 4403];

// The answer's body. A token that has run out is renewed, and the document sent again, once.
export async function request(document, headers = {}) {
  const used = bearer();
  let answer = await send(document, headers);
  if (answer.status === 401 || (answer.body.errors ?? []).some((error) => error.extensions?.code === "UNAUTHENTICATED")) {
    await renew(used);
    answer = await send(document, headers);
  }
  return answer.body;
}

async function send(document, headers) {
  const answer = await call("/graphql", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json",
      "Accept-Language": spoken(),
      Authorization: bearer(),
      ...headers,
    },
    body: JSON.stringify(document),
  });
  const { data, errors, message, error: code } = answer.body;
  // Refused before it came to GraphQL (the host, the origin): told in the same form.
  const isForeign = data === undefined && errors === undefined && message !== undefined;
  return isForeign ? { ...answer, body: { errors: [{ message, extensions: { code } }] } } : answer;
}

// Calls `onEvent` for each event, `onState` with "live" or "reconnecting", and `onEnd` with the reason when there are
// no more. Where the document has a variable `after`, a cut connection is resumed from the last event's cursor.
// Returns a function that stops it.
export function subscribe(document, { onEvent, onState = () => {}, onEnd }) {
  const run = { socket: null, ended: false, acknowledged: false, tries: 0, cursor: null, used: "" };
  const end = (reason) => {
    if (!run.ended) onEnd(reason);
    run.ended = true;
    run.socket?.close(1000);
  };
  const again = async (event) => {
    if (run.ended) return;
    const expired = NOT_ALLOWED.includes(event.code);
    const resumable = run.cursor === null ? !run.acknowledged && expired : /\$after\b/.test(document.query);
    if (!resumable || ++run.tries > RETRIES) {
      if (expired) await renew(run.used).catch(() => {}); // nobody is in any more where that is refused, too
      end(`closed ${event.code} ${event.reason}`);
      return;
    }
    onState("reconnecting");
    try {
      if (expired) await renew(run.used);
      await new Promise((later) => setTimeout(later, expired ? 0 : 250 * 2 ** run.tries));
      if (!run.ended) connect(resumed(document, run.cursor), run, { onEvent, onState, end, again });
    } catch (error) {
      end(error.message);
    }
  };
  connect(document, run, { onEvent, onState, end, again });
  return () => end("stopped");
}

function resumed(document, cursor) {
  return cursor === null ? document : { ...document, variables: { ...document.variables, after: cursor } };
}

function connect(document, run, { onEvent, onState, end, again }) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/graphql`, "graphql-transport-ws");
  const say = (message) => socket.send(JSON.stringify(message));
  const handlers = {
    connection_ack() {
      run.acknowledged = true;
      say({ id: "1", type: "subscribe", payload: document });
      onState("live");
    },
    ping: () => say({ type: "pong" }),
    next(message) {
      run.tries = 0;
      run.cursor = cursorOf(message.payload) ?? run.cursor;
      onEvent(message.payload);
    },
    error(message) {
      onEvent({ errors: message.payload });
      end("error");
    },
    complete: () => end("complete"),
  };
  run.socket = socket;
  socket.onopen = () => {
    run.used = bearer();
    say({ type: "connection_init", payload: { authorization: run.used } });
  };
  socket.onmessage = (event) => {
    if (run.ended) return;
    const message = JSON.parse(event.data);
    handlers[message.type]?.(message);
  };
  socket.onclose = again;
}

function cursorOf(payload) {
  return Object.values(payload.data ?? {})[0]?.cursor;
}
