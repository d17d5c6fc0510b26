// node rest.mjs URL USERNAME PASSWORD SERVER_ID
// The documented REST client, on axios: 10 s for an answer, a code other than 200 in the body is an error, and a 401 is
// met by one refresh and one replay. Runs a command and reads its log. Prints one line of JSON.

import axios from "axios";

const [url, username, password, server] = process.argv.slice(2);
const session = { refreshes: 0 };
const client = axios.create({ baseURL: url, timeout: 10_000, proxy: false });

client.interceptors.request.use((config) => {
  if (session.access_token) config.headers.Authorization = `Bearer ${session.access_token}`;
  return config;
});
client.interceptors.response.use(
  (answer) => {
    if (answer.data.code !== undefined && answer.data.code !== 200) throw new Error(JSON.stringify(answer.data));
    return answer.data;
  },
  async (error) => {
    if (error.response?.status !== 401 || error.config.replayed) throw error;
    const fresh = await client.post("/api/auth/refresh", { refresh_token: session.refresh_token });
    Object.assign(session, fresh.data, { refreshes: session.refreshes + 1 });
    return client({ ...error.config, replayed: true });
  },
);

async function logOf(execution) {
  for (;;) {
    const log = await client.get(`/api/task/${execution}/log`);
    if (log.status !== 0) return log;
    await new Promise((later) => setTimeout(later, 50));
  }
}

const signedIn = await client.post("/api/auth/login", { username, password });
Object.assign(session, signedIn.data, { access_token: "one that has run out" });
const task = { name: "from axios", command: "echo out; echo err >&2", server_id: Number(server), cron_expr: "@once" };
const created = await client.post("/api/tasks", task);
const log = await logOf(created.data.execution_id);
const page = await client.get("/api/tasks", { params: { name: "from axios", page: 1, page_size: 10 } });
const refused = await client.get("/api/tasks", { params: { page_size: 101 } }).catch((error) => error.response.data);
console.log(JSON.stringify({ log, total: page.total, refreshes: session.refreshes, refused }));
