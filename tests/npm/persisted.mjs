// node persisted.mjs URL TOKEN [LIST]
// Runs one query three times with Apollo Client's link for persisted queries: by hash, by GET; with a LIST (the file that
// `sshcast operation build --typenames` made) by the id in it. Prints one line of JSON: the answer, and each request.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";

const [url, token, list] = process.argv.slice(2);
const requests = [];

const http = new HttpLink({
  uri: `${url}/graphql`,
  headers: { authorization: `Bearer ${token}` },
  fetch: async (address, options) => {
    const answer = await fetch(address, options);
    const withText = (options.body ?? new URL(address).search).includes("query Me");
    requests.push([options.method, withText ? "text" : "id", answer.status]);
    return answer;
  },
});

function byHash() {
  return new PersistedQueryLink({
    sha256: (text) => createHash("sha256").update(text).digest("hex"),
    useGETForHashedQueries: true,
  });
}

function byList() {
  const { operations } = JSON.parse(readFileSync(list, "utf8"));
  const ids = Object.fromEntries(operations.map(({ name, id }) => [name, id]));
  const nameOf = (document) => document.definitions.find(({ kind }) => kind === "OperationDefinition").name.value;
  return new PersistedQueryLink({ generateHash: (document) => ids[nameOf(document)] });
}

const client = new ApolloClient({ cache: new InMemoryCache(), link: (list ? byList() : byHash()).concat(http) });
const query = gql`query Me { me { name } }`;
let data;
for (let n = 0; n < 3; n++) ({ data } = await client.query({ query, fetchPolicy: "network-only" }));
console.log(JSON.stringify({ data, requests }));
