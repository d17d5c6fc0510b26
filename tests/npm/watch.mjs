// node watch.mjs TRANSPORT URL TOKEN EXECUTION_ID [BYTES ...]
// Watches an execution to its end. When it has so many BYTES of output the connection is cut, and the watch resumed
// from the last cursor. Prints one line of JSON: what came, hashed for each stream, and how the run ended.

import { createHash } from "node:crypto";
import { transports } from "./transports.mjs";
import { wire } from "./wire.mjs";

const QUERY = `subscription Watch($id: ID!, $after: String) {
  executionOutput(executionId: $id, after: $after) {
    __typename
    cursor
    ... on OutputChunk { stream text base64 }
    ... on StateChange { state }
    ... on OutputEnd { state exitCode truncated }
  }
}`;

const [transport, address, token, id, ...marks] = process.argv.slice(2);
const network = await wire(Number(new URL(address).port));
const seen = { cursor: null, size: 0, cuts: 0, end: null, streams: {} };
const cutsLeft = marks.map(Number);

function take(event) {
  if (event.__typename === "OutputChunk") {
    const stream = (seen.streams[event.stream] ??= { bytes: createHash("sha256"), text: createHash("sha256"), size: 0 });
    const data = Buffer.from(event.base64, "base64");
    stream.bytes.update(data);
    stream.text.update(event.text);
    stream.size += data.length;
    seen.size += data.length;
  }
  if (event.__typename === "OutputEnd") seen.end = event;
  seen.cursor = event.cursor;
}

function onEvent(cutting, { data, errors }) {
  if (errors) throw new Error(JSON.stringify(errors));
  if (cutting.done) return; // what the client had received before the cut, and hands over after it
  take(data.executionOutput);
  if (cutsLeft.length && seen.size >= cutsLeft[0]) {
    cutsLeft.shift();
    seen.cuts += 1;
    cutting.done = true;
    network.cut();
  }
}

while (seen.end === null) {
  const cutting = { done: false };
  const request = { url: `http://127.0.0.1:${network.port}/graphql`, token, query: QUERY, variables: { id, after: seen.cursor } };
  try {
    await transports[transport](request, (answer) => onEvent(cutting, answer));
  } catch (error) {
    if (!cutting.done) throw error;
  }
}
network.close();

const streams = Object.fromEntries(
  Object.entries(seen.streams).map(([name, { bytes, text, size }]) => [
    name,
    { bytes: bytes.digest("hex"), text: text.digest("hex"), size },
  ]),
);
console.log(JSON.stringify({ streams, cuts: seen.cuts, end: seen.end }));
process.exit(0);
