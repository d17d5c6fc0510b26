// The part of a server's form that says how to sign in: a password, a key, or a key with its certificate.

import { h, w } from "/console/dom.js";
import { area, field, select } from "/console/parts/form.js";

const KINDS = { PASSWORD: ["password"], KEY: ["privateKey", "passphrase"], CERTIFICATE: ["privateKey", "passphrase", "certificate"] };
const secret = () => h("input", { type: "password", autocomplete: "new-password" });

// `read()` gives { credential }, or nothing where a server's own is to stay.
export function editCredential(server) {
  const controls = { password: secret(), privateKey: area({ rows: "5", class: "mono" }), passphrase: secret(), certificate: area({ rows: "3", class: "mono" }) };
  const stays = server ? [["", "credential_stays"]] : [];
  const kind = select([...stays, ...Object.keys(KINDS).map((name) => [name, `credential_${name}`])]);
  const fields = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, field(name, `credential_${name}`, control)]));
  fields.privateKey.append(buildFileField(controls.privateKey));
  const show = () => {
    for (const [name, element] of Object.entries(fields)) element.hidden = !(KINDS[kind.value] ?? []).includes(name);
  };
  kind.addEventListener("change", show);
  show();
  const element = h("fieldset", {}, h("legend", {}, w("server_sign_in")), field("credential", "credential_kind", kind), ...Object.values(fields));
  const read = () => {
    const names = KINDS[kind.value] ?? [];
    const given = names.filter((name) => controls[name].value !== "").map((name) => [name, controls[name].value]);
    return names.length ? { credential: Object.fromEntries(given) } : {};
  };
  return { element, read };
}

// A file's text goes into the field: it is read by the browser and sent with the form only.
function buildFileField(control) {
  const file = h("input", { type: "file", label: "credential_file", onchange: async () => (control.value = await file.files[0].text()) });
  return h("div", { class: "bar" }, h("small", {}, w("credential_file")), file);
}
