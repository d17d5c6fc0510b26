// node closes.mjs CLIENT URL CONNECTION_PARAMS ...
// Subscribes over WebSocket and waits for the client to give up by itself. Each JSON of CONNECTION_PARAMS is for one
// connection, the last one for all that follow. Prints one line of JSON: the code and reason of every close, and what the
// client told the one who uses it.

import { createClient } from "graphql-ws";
import { SubscriptionClient } from "subscriptions-transport-ws";
import WebSocket from "ws";

const [client, address, ...texts] = process.argv.slice(2);
const url = address.replace("http", "ws");
const params = texts.map((text) => JSON.parse(text));
const query = "subscription { executionUpdates { id } }";
const seen = { closes: [], acknowledged: 0, told: null };

class Counted extends WebSocket {
  constructor(...given) {
    super(...given);
    this.on("close", (code, reason) => seen.closes.push([code, reason.toString()]));
  }
}

const next = () => (params.length > 1 ? params.shift() : params[0]);

const clients = {
  "graphql-ws"() {
    return new Promise((over) => {
      const made = createClient({
        url,
        webSocketImpl: Counted,
        connectionParams: next,
        retryAttempts: Infinity,
        retryWait: async () => {},
        shouldRetry: () => true,
        on: { connected: () => (seen.acknowledged += 1) },
      });
      made.subscribe({ query }, { next() {}, complete: () => over("complete"), error: (event) => over(event.reason) });
    });
  },

  "subscriptions-transport-ws"() {
    return new Promise((over) => {
      new SubscriptionClient(url, { reconnect: false, connectionCallback: (error) => over(error.message) }, Counted);
    });
  },
};

seen.told = await clients[client]();
// The close comes after what is told before it.
while (seen.closes.length === 0) await new Promise((later) => setImmediate(later));
console.log(JSON.stringify(seen));
process.exit(0);
