// Reads an execution's output over GraphQL: slices of it, its matches, and what comes live.

import { ask, watch } from "/console/ask.js";

const SLICE = "firstLine lineCount startCursor endCursor hasBefore hasAfter parts { stream at text }";
const FACTS = "id state stdoutBytes stderrBytes truncated outputGap { startCursor endCursor bytes lines }";
const READ_FACTS = `query($id: ID!) { execution(id: $id) { ${FACTS} } }`;
// The end of the output comes in the same answer.
const BEGIN = `query($id: ID!, $lines: Int) { execution(id: $id) { ${FACTS} output(lastLines: $lines, maxBytes: 262144) { ${SLICE} } } }`;

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

export class LogReader {
  constructor(id) {
    this.id = id;
  }

  async readFacts() {
    const { execution } = await ask(READ_FACTS, { id: this.id });
    return execution;
  }

  // The facts and, as `output`, the last lines; null if there is no such execution.
  async readEnd(lines) {
    const { execution } = await ask(BEGIN, { id: this.id, lines });
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
