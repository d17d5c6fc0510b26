// Reads an execution's output over GraphQL: slices of it, its matches, and what comes live.

import { ask, watch } from "/console/ask.js";
import { FACTS as PAGE_FACTS, TAIL } from "/console/runs/execution_fields.js";

const SLICE = "firstLine lineCount startCursor endCursor hasBefore hasAfter parts { stream at text }";
const FACTS = "id state stdoutBytes stderrBytes truncated outputGap { startCursor endCursor bytes lines }";
const READ_FACTS = `query($id: ID!) { execution(id: $id) { ${FACTS} } }`;
// The end of the output comes in the same answer, and so does what the page around the log wants to know.
const buildBegin = (more) => `query($id: ID!, $lines: Int) { execution(id: $id) { ${FACTS} ${more}
  output(lastLines: $lines, maxBytes: 262144) { ${SLICE} } } }`;

const READ = `query($id: ID!, $after: String, $before: String, $fromLine: Int, $lines: Int, $lastLines: Int, $maxBytes: Int) {
  execution(id: $id) { output(after: $after, before: $before, fromLine: $fromLine, lines: $lines, lastLines: $lastLines,
    maxBytes: $maxBytes) { ${SLICE} } }
}`;
const MATCHES = `query($id: ID!, $pattern: String!, $after: String, $syntax: SearchSyntax, $ignoreCase: Boolean) {
  execution(id: $id) { outputMatches(pattern: $pattern, first: 100, after: $after, syntax: $syntax, ignoreCase: $ignoreCase) {
    nodes { number } endCursor isComplete
  } }
}`;
const LIVE = `subscription($id: ID!, $after: String) { executionOutput(executionId: $id, after: $after) {
  __typename cursor at
  ... on OutputChunk { stream text leftOutBytes }
  ... on StateChange { state }
  ... on OutputEnd { state truncated }
} }`;
const AGAIN_MS = 3000;

// The first answer that was asked for before there was a reader for it: { id, more, answer }.
let early = null;

const askForEnd = (id, more) => ask(buildBegin(more), { id, lines: TAIL });

// Asks for what the page of an execution shows first. Called when its address is opened: its modules may still be on their way.
export function readEarly({ id }) {
  early = { id, more: PAGE_FACTS, answer: askForEnd(id, PAGE_FACTS) };
  early.answer.catch(() => {}); // whoever takes it is told
}

function takeEarly(id, more) {
  const found = early;
  early = null;
  return found?.id === id && found.more === more ? found.answer : null;
}

export class LogReader {
  // `more`: fields of Execution that the first answer has beside the log's own.
  constructor(id, more = "") {
    this.id = id;
    this.more = more;
  }

  async readFacts() {
    const { execution } = await ask(READ_FACTS, { id: this.id });
    return execution;
  }

  // The facts and, as `output`, the last lines; null if there is no such execution.
  async readEnd() {
    const { execution } = await (takeEarly(this.id, this.more) ?? askForEnd(this.id, this.more));
    return execution;
  }

  async readSlice(where) {
    const { execution } = await ask(READ, { id: this.id, maxBytes: 262_144, ...where });
    return execution.output;
  }

  async findMatches(wanted, after) {
    const { execution } = await ask(MATCHES, { id: this.id, ...wanted, after });
    return execution.outputMatches;
  }

  // Follows the output from a cursor until it ends or `signal` aborts, however often the connection is lost. Each event is
  // told once, for every connection begins at the cursor of the last event.
  follow(cursor, { signal, onChunk, onState, onEnd, onConnection }) {
    let after = cursor;
    let isOver = false;
    const begin = () => {
      if (signal.aborted || isOver) return;
      watch(LIVE, { id: this.id, after }, {
        signal,
        onState: onConnection,
        onEvent: (event) => {
          after = event.cursor ?? after;
          if (event.__typename === "OutputChunk") onChunk(event);
          else if (event.__typename === "StateChange") onState(event.state);
          else if (event.__typename === "OutputEnd") {
            isOver = true;
            onEnd(event);
          }
        },
        onEnd: () => {
          if (signal.aborted || isOver) return;
          onConnection("reconnecting");
          setTimeout(begin, AGAIN_MS);
        },
      });
    };
    begin();
  }
}
