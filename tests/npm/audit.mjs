// graphql-http's audit of a GraphQL over HTTP server: one JSON line for each of its checks.
// node audit.mjs URL TOKEN

import { auditServer, serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);

const options = {
  url,
  fetchFn: (address, init = {}) =>
    fetch(address, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
};
const results = await auditServer(options);
const missing = serverAudits(options).filter(({ id }) => !results.some((result) => result.id === id));
if (missing.length) throw new Error(`without a result: ${missing.map(({ id }) => id)}`);

for (const { id, name, status, reason } of results) {
  console.log(JSON.stringify({ id, name, status, reason }));
}
