// One operation over each transport, with the client that people use for it, set up as its documentation says.
// Each takes { url, token, query, variables }, calls `onEvent` with every answer, and settles: resolved when the
// service has completed the operation, rejected when the connection was lost or the service refused.

import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import WebSocket from "ws";

export const transports = {
  "graphql-ws"({ url, token, query, variables }, onEvent) {
    const client = createWsClient({
      url: url.replace("http", "ws"),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
    return settled((sink) => client.subscribe({ query, variables }, sink), onEvent).finally(() => client.dispose());
  },

  "graphql-sse"({ url, token, query, variables }, onEvent) {
    const client = createSseClient({ url, headers: { Authorization: `Bearer ${token}` }, retryAttempts: 0 });
    return settled((sink) => client.subscribe({ query, variables }, sink), onEvent).finally(() => client.dispose());
  },

  apollo({ url, token, query, variables }, onEvent) {
    const link = new HttpLink({ uri: url, headers: { Authorization: `Bearer ${token}` } });
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const operation = { query: gql(query), variables, fetchPolicy: "no-cache" };
    const start = (sink) =>
      client.subscribe(operation).subscribe({
        ...sink,
        next: ({ data, error }) => (error ? sink.error(error) : sink.next({ data })), // Apollo 4 hands errors to next
      });
    return settled(start, onEvent).finally(() => client.stop());
  },
};

function settled(start, next) {
  return new Promise((resolve, reject) => start({ next, error: reject, complete: resolve }));
}
