// GraphQL over HTTP for queries and mutations, and graphql-transport-ws for subscriptions.

import { renew, session } from "/playground/session.js";

export async function request(document) {
  let answer = await send(document);
  if (answer.status === 401 || (answer.body.errors ?? []).some((error) => error.extensions?.code === "UNAUTHENTICATED")) {
    await renew();
    answer = await send(document);
  }
  return answer.body;
}

async function send(document) {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json",
      Authorization: `Bearer ${session.read().access_token}`,
    },
    body: JSON.stringify(document),
  });
  return { status: answer.status, body: await answer.json() };
}

// Calls `onEvent` for each event and `onEnd` with the reason when there are no more. Returns a function that stops it.
export function subscribe(document, onEvent, onEnd) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/graphql`, "graphql-transport-ws");
  let ended = false;
  const end = (reason) => {
    if (!ended) onEnd(reason);
    ended = true;
    socket.close(1000);
  };
  const say = (message) => socket.send(JSON.stringify(message));
  const handlers = {
    connection_ack: () => say({ id: "1", type: "subscribe", payload: document }),
    ping: () => say({ type: "pong" }),
    next: (message) => onEvent(message.payload),
    error: (message) => {
      onEvent({ errors: message.payload });
      end("error");
    },
    complete: () => end("complete"),
  };
  socket.onopen = () =>
    say({ type: "connection_init", payload: { authorization: `Bearer ${session.read().access_token}` } });
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    handlers[message.type]?.(message);
  };
  socket.onclose = (event) => end(`closed (${event.code}) ${event.reason}`);
  return () => end("stopped");
}
