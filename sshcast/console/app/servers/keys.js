// Host keys: reads those that a server offers, shows their fingerprints with how to compare them, and notes which are accepted.

import { change } from "/console/ask.js";
import { fill, h, put, w } from "/console/dom.js";
import { check } from "/console/parts/form.js";
import { actionButton } from "/console/parts/guard.js";
import { Table } from "/console/parts/table.js";
import { word } from "/playground/words.js";

const SCAN = `mutation ($input: ScanHostKeysInput!) {
  scanHostKeys(input: $input) { hostKeys { type fingerprint status line } errors { code message field } } }`;
const FILES = { "ssh-ed25519": "ed25519", "ssh-rsa": "rsa" };

export async function scanKeys(place) {
  return (await change(SCAN, { input: place })).hostKeys;
}

// `SHA256:` and the hash of a pinned line, as ssh-keygen shows it; the line itself where the browser has no cryptography
// (a page that is not from https or this machine) or the line is not a plain key.
export async function fingerprintOf(line) {
  const [, type, base64] = /^(?:\S+ )*?((?:ssh|ecdsa|sk)-\S+) ([A-Za-z0-9+/=]+)/.exec(line) ?? [];
  if (!base64 || !globalThis.crypto?.subtle) return { type: type ?? "", fingerprint: line };
  const hash = await crypto.subtle.digest("SHA-256", Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
  return { type, fingerprint: `SHA256:${btoa(String.fromCharCode(...new Uint8Array(hash))).replace(/=+$/, "")}` };
}

// The command that shows the same fingerprint on the server itself.
export function tellHowToCompare(keys) {
  const kind = FILES[keys[0]?.type] ?? "ecdsa";
  return h("div", { class: "compare" }, h("p", {}, w("keys_compare")), h("pre", { class: "shell-text", tabindex: "0" }, `ssh-keygen -lf /etc/ssh/ssh_host_${kind}_key.pub`));
}

// The offered keys with a box for each: `read()` gives those that are ticked. Those that are pinned are ticked from the start:
// what is accepted replaces the pinned keys of every type that the server offers.
export class KeyChoice {
  constructor(keys) {
    this.keys = keys;
    this.boxes = keys.map((key) => check({ disabled: key.status === "REVOKED", checked: key.status === "PINNED", "aria-label": fill(word("keys_accept_one"), key) }));
    const table = new Table(
      [
        { word: "keys_accept", cell: (row) => this.boxes[row.id] },
        { word: "keys_type", class: "short", cell: (row) => h("code", {}, row.type) },
        { word: "keys_fingerprint", cell: (row) => h("code", {}, row.fingerprint) },
        { word: "keys_status", cell: (row) => h("span", { class: `state hostkey ${row.status.toLowerCase()}` }, w(`keys_${row.status}`)) },
      ],
      { caption: "keys_offered", empty: "keys_none" },
    );
    table.show(keys.map((key, index) => ({ ...key, id: index })));
    this.element = h("div", { class: "stack" }, tellHowToCompare(keys), table.element);
  }

  read() {
    return this.keys.filter((key, index) => this.boxes[index].checked);
  }
}

// The part of the form of a new server. `readPlace()` gives { host, port, jumpServerId, legacyAlgorithms }; `read()` { hostKeys }.
export function editKeys(readPlace) {
  const shown = h("div", { class: "stack" });
  const pasted = h("textarea", { rows: "3", class: "mono", spellcheck: "false", label: "keys_pasted" });
  let choice = null;
  const scan = actionButton("keys_scan", async () => {
    put(shown, h("p", { role: "status" }, w("keys_scanning")));
    try {
      choice = new KeyChoice(await scanKeys(await readPlace()));
      put(shown, choice.element);
    } catch (error) {
      put(shown, h("p", { class: "error", role: "alert" }, error.message));
    }
  });
  const element = h(
    "fieldset",
    { class: "field", data: { field: "hostKeys" } },
    h("legend", {}, w("keys")),
    h("small", {}, w("keys_about")),
    h("div", {}, scan),
    shown,
    h("details", {}, h("summary", {}, w("keys_paste")), pasted),
    h("span", { class: "error", role: "alert" }),
  );
  const forget = () => {
    choice = null;
    put(shown);
  };
  const read = () => ({ hostKeys: [...(choice?.read() ?? []).map((key) => key.line), ...pasted.value.split("\n").map((line) => line.trim()).filter(Boolean)] });
  return { element, read, forget };
}
