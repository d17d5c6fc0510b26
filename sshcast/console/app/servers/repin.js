// Pins other host keys for a server: shows those that are pinned beside those that it offers, and asks before it changes them.

import { ask, change } from "/console/ask.js";
import { h, put, w } from "/console/dom.js";
import { confirmed } from "/console/parts/dialog.js";
import { actionButton } from "/console/parts/guard.js";
import { fingerprintOf, KeyChoice, scanKeys } from "/console/servers/keys.js";
import { word } from "/playground/words.js";

const KEYS = `query ($id: ID!) { server(id: $id) { hostKeys } }`;
const ACCEPT = `mutation ($input: UpdateServerInput!) { updateServer(input: $input) { server { id } errors { code message field } } }`;

// A panel's content: the pinned keys, and with `mayChange` the way to others. `onPinned` is called after a change.
export function buildKeys(server, mayChange, onPinned) {
  const pinned = h("ul", { class: "keys", "aria-label": word("keys_pinned_list") });
  showPinned(pinned, server.hostKeys);
  const offered = h("div", { class: "stack" });
  const scan = actionButton("keys_scan_again", async () => {
    put(offered, h("p", { role: "status" }, w("keys_scanning")));
    try {
      showOffered(offered, server, await scanKeys(addressOf(server)), onPinned);
    } catch (error) {
      put(offered, h("p", { class: "error", role: "alert" }, error.message));
    }
  });
  return [pinned, mayChange && h("div", {}, scan), offered];
}

const addressOf = ({ host, port, jumpServer, legacyAlgorithms }) => ({ host, port, jumpServerId: jumpServer?.id ?? null, legacyAlgorithms });

async function showPinned(list, lines) {
  const keys = await Promise.all(lines.map(fingerprintOf));
  put(list, keys.map(({ type, fingerprint }) => h("li", {}, type && [h("code", {}, type), " "], h("code", {}, fingerprint))));
}

function showOffered(place, server, keys, onPinned) {
  const choice = new KeyChoice(keys);
  const isChanged = keys.some((key) => key.status === "CHANGED");
  const accept = actionButton("keys_pin", () => pin(server, choice, onPinned), { class: "primary" });
  put(place, h("p", { class: isChanged ? "error" : null, role: "alert" }, w(isChanged ? "keys_changed_warning" : "keys_offered_now")), choice.element, h("p", { class: "actions" }, accept));
}

async function pin(server, choice, onPinned) {
  const chosen = choice.read();
  if (chosen.length === 0) throw new Error(word("keys_choose"));
  const { server: now } = await ask(KEYS, { id: server.id });
  const old = await Promise.all(now.hostKeys.map(fingerprintOf));
  if (!(await confirmed(describeChange(old, chosen), "keys_pin"))) return;
  await change(ACCEPT, { input: { id: server.id, acceptFingerprints: chosen.map((key) => key.fingerprint) } });
  await onPinned();
}

function describeChange(old, chosen) {
  const list = (name, keys) => [h("span", { class: "faint" }, w(name)), h("span", { class: "keys" }, keys.map((key) => h("code", {}, `${key.type} ${key.fingerprint}`)))];
  return h("span", { class: "stack" }, w("keys_question"), list("keys_old", old), list("keys_new", chosen));
}
