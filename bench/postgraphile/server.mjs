// Serves PostGraphile, as its documentation sets it up, without a playground: node server.mjs DATABASE_URL PORT
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import amber from "postgraphile/presets/amber";

// Node.js 22 has it, 20 does not; it is all that PostGraphile misses there.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((...given) => ([resolve, reject] = given));
  return { promise, resolve, reject };
};

const [connectionString, port] = process.argv.slice(2);
const instance = postgraphile({
  extends: [amber.default ?? amber],
  pgServices: [makePgService({ connectionString, schemas: ["public"] })],
  grafserv: { graphiql: false, watch: false },
  grafast: { explain: false },
});
const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(port), "127.0.0.1");
