// The certified oidc-provider, with the users and keys of a test: its only argument is a JSON object.
// Users are read anew from a file each time, so that a test can change them.

import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const given = JSON.parse(process.argv[2]);
const user = (id) => JSON.parse(readFileSync(given.users, "utf8"))[id];

const provider = new Provider(given.issuer, {
  clients: given.clients,
  jwks: { keys: given.keys },
  cookies: { keys: ["a key of the test"] },
  pkce: { required: () => true },
  scopes: ["openid", "profile", "groups"],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...user(id) }) }),
  extraTokenClaims: (ctx, token) => {
    const { groups, hasgroups } = user(token.accountId);
    return { groups, hasgroups };
  },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (ctx, resource) => ({
        scope: "groups",
        audience: resource,
        accessTokenTTL: 600,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: given.algorithm } },
      }),
    },
  },
});

provider.listen(given.port, "127.0.0.1", () => console.log("ready"));
