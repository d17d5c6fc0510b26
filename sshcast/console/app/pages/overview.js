// The overview: what runs now, what is due next, what failed lately.

import { ask } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { stateBadge } from "/console/parts/state.js";
import { Table } from "/console/parts/table.js";
import { time } from "/console/parts/times.js";

const NOW = `{ executions(first: 10, filter: {states: [PENDING, RUNNING]}) { nodes { id state command createdAt server { name } } } }`;

export async function open(place) {
  const { executions } = await ask(NOW);
  const table = new Table(
    [
      { word: "state", cell: (run) => h("a", { href: `/executions/${run.id}` }, stateBadge(run.state)) },
      { word: "server", cell: (run) => run.server?.name },
      { word: "command", cell: (run) => h("code", {}, run.command) },
      { word: "created", cell: (run) => time(run.createdAt) },
    ],
    { caption: "executions" },
  );
  table.show(executions.nodes);
  put(place, h("h2", {}, w("overview")), table.element);
}
