// The form of a server, for a new one and for one that is there: what it sends is what was changed.

import { change } from "/console/ask.js";
import { h, w } from "/console/dom.js";
import { check, field, fillControl, form, select, splitList, text } from "/console/parts/form.js";
import { Picker } from "/console/parts/pick.js";
import { editBlackouts } from "/console/servers/blackouts.js";
import { editCredential } from "/console/servers/credential.js";
import { editKeys } from "/console/servers/keys.js";

const ERRORS = "errors { code message field }";
const CREATE = `mutation ($input: CreateServerInput!) { createServer(input: $input) { server { id } ${ERRORS} } }`;
const UPDATE = `mutation ($input: UpdateServerInput!) { updateServer(input: $input) { server { id } ${ERRORS} } }`;
const LEGACY = ["SSH_RSA_SHA1", "DIFFIE_HELLMAN_GROUP14_SHA1", "AES_CBC"];

// What the form has to know of a server that is there.
export const EDITED = `id name host port username tags enabled maxParallel runMode outputEncoding hostKeyAlias legacyAlgorithms credentialKind
  jumpServer { id name } blackouts { days start end timezone from until reason }`;

// The form's element. `server` is null for a new one; `onSaved` gets the id.
export function buildServerForm(server, onSaved) {
  const place = editPlace(server);
  const rest = editRest(server);
  const credential = editCredential(server);
  const blackouts = editBlackouts(server);
  const keys = server ? null : editKeys(async () => ({ ...(await place.resolve()), legacyAlgorithms: rest.read().legacyAlgorithms }));
  place.element.addEventListener("input", ({ target }) => ["host", "port", "jumpServerId"].includes(target.name) && keys?.forget());
  const read = () => Object.assign({}, ...[place, credential, rest, blackouts, keys].map((section) => section?.read() ?? {}));
  const before = server ? read() : {};
  const element = form(
    { submit: server ? "save" : "server_create", work: async () => onSaved(await save(server, before, place, read)) },
    place.element,
    keys?.element,
    credential.element,
    h("details", {}, h("summary", {}, w("server_more")), h("div", { class: "stack" }, rest.element, blackouts.element)),
  );
  element.noValidate = true; // the service's own sentences say what is wrong, in the chosen language
  return element;
}

async function save(server, before, place, read) {
  await place.resolve();
  const after = read();
  if (server === null) return (await change(CREATE, { input: after })).server.id;
  const input = Object.fromEntries(Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
  return (await change(UPDATE, { input: { id: server.id, ...input } })).server.id;
}

function editPlace(server) {
  const name = fillControl(text({ maxlength: "100" }), server?.name);
  const host = fillControl(text({ inputmode: "url" }), server?.host);
  const port = fillControl(h("input", { type: "number", min: "1", max: "65535" }), server?.port ?? 22);
  const username = fillControl(text(), server?.username);
  const tags = fillControl(text(), server?.tags.join(", "));
  const jump = new Picker("server", { chosen: server?.jumpServer ?? null });
  const jumpField = field("jumpServerId", "server_jump", jump.element, { about: "server_jump_about" });
  jumpField.append(jump.list);
  const element = h(
    "div",
    { class: "columns" },
    field("name", "name", name),
    field("host", "server_host", host),
    field("port", "server_port", port),
    field("username", "server_username", username),
    field("tags", "server_tags", tags, { about: "server_tags_about" }),
    jumpField,
  );
  const address = () => ({ host: host.value.trim(), port: Number(port.value), jumpServerId: jump.id });
  return {
    element,
    read: () => ({ ...address(), name: name.value.trim(), username: username.value.trim(), tags: splitList(tags.value) }),
    async resolve() {
      await jump.resolve();
      return address();
    },
  };
}

function editRest(server) {
  const inputs = {
    maxParallel: fillControl(h("input", { type: "number", min: "1" }), server?.maxParallel ?? 10),
    runMode: fillControl(select([["DURABLE", "server_DURABLE"], ["ATTACHED", "server_ATTACHED"]]), server?.runMode),
    outputEncoding: fillControl(text(), server?.outputEncoding ?? "utf-8"),
    hostKeyAlias: fillControl(text(), server?.hostKeyAlias),
  };
  const enabled = check({ checked: server?.enabled ?? true });
  const legacy = LEGACY.map((name) => ({ name, control: check({ checked: server?.legacyAlgorithms.includes(name) ?? false }) }));
  const boxes = legacy.map(({ name, control }) => h("label", { class: "inline" }, control, w(`legacy_${name}`)));
  const element = h(
    "div",
    { class: "stack" },
    h("label", { class: "inline" }, enabled, w("server_enabled")),
    h("div", { class: "columns" }, Object.entries(inputs).map(([name, control]) => field(name, `server_${name}`, control))),
    h("fieldset", { class: "field", data: { field: "legacyAlgorithms" } }, h("legend", {}, w("server_legacy")), h("small", {}, w("server_legacy_about")), boxes, h("span", { class: "error", role: "alert" })),
  );
  const read = () => ({
    enabled: enabled.checked,
    maxParallel: Number(inputs.maxParallel.value),
    runMode: inputs.runMode.value,
    outputEncoding: inputs.outputEncoding.value.trim(),
    hostKeyAlias: inputs.hostKeyAlias.value.trim() || null,
    legacyAlgorithms: legacy.filter(({ control }) => control.checked).map(({ name }) => name),
  });
  return { element, read };
}
