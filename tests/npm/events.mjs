// node events.mjs CLIENT URL TOKEN [LAST_EVENT_ID]
// Reads server-sent events as a client does that knows nothing of sshcast and never closes its source: it goes on until
// the source itself is closed, or the promise of fetch-event-source settles. Prints one line of JSON: the status of
// every answer, the names of all events, and the last id.

import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";

const [client, url, token, from] = process.argv.slice(2);
const NAMES = ["state", "chunk", "end", "next", "complete"];
const seen = { statuses: [], events: [], lastId: null };
const authorization = { Authorization: `Bearer ${token}` };

// Every answer says that the next try is due at once: by itself a source waits for three seconds.
async function counted(address, init) {
  const resumed = from && seen.statuses.length === 0 ? { "Last-Event-ID": from } : {};
  const answer = await fetch(address, { ...init, headers: { ...init.headers, ...authorization, ...resumed } });
  seen.statuses.push(answer.status);
  if (answer.status !== 200) return answer;
  const soon = new TextEncoder().encode("retry: 10\n\n");
  const body = answer.body.pipeThrough(new TransformStream({ start: (out) => out.enqueue(soon) }));
  return new Response(body, { status: answer.status, headers: answer.headers });
}

function take(name, id) {
  seen.events.push(name);
  seen.lastId = id || seen.lastId;
}

const clients = {
  eventsource() {
    return new Promise((closed) => {
      const source = new EventSource(url, { fetch: counted });
      for (const name of NAMES) source.addEventListener(name, (event) => take(name, event.lastEventId));
      source.addEventListener("error", () => source.readyState === EventSource.CLOSED && closed());
    });
  },

  "fetch-event-source"() {
    globalThis.window = globalThis; // it is written for browsers
    globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
    return fetchEventSource(url, { fetch: counted, onmessage: ({ event, id }) => event && take(event, id) });
  },
};

await clients[client]();
console.log(JSON.stringify(seen));
process.exit(0);
