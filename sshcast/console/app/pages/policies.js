// Command policies: try a command, the policy of one server or task (`?server=ID`, `?task=ID`), its versions, the rules.

import { h, put, w } from "/console/dom.js";
import { select } from "/console/parts/form.js";
import { filter, panel } from "/console/parts/labelled.js";
import { Picker } from "/console/parts/pick.js";
import { buildHistory, buildOwn, readSubject } from "/console/admin/policy_own.js";
import { buildRules } from "/console/admin/policy_rules.js";
import { buildTry } from "/console/admin/policy_try.js";
import { go, mayUse } from "/console/router.js";
import { WORDS } from "/console/words/policies.js";
import { addWords } from "/playground/words.js";

addWords(WORDS);

export async function open(place, { query, signal }) {
  const kind = ["server", "task"].find((each) => query.get(each)) ?? null;
  const id = kind && query.get(kind);
  const subject = kind && (await readSubject(kind, id));
  const head = [h("div", { class: "head" }, h("h2", {}, w("policies"), subject && ` · ${subject.name}`)), h("p", { class: "faint" }, w("policies_guard")), buildChoice(kind, id)];
  if (kind && !subject) return put(place, head, h("p", { class: "empty" }, w("policies_gone")));
  const own = kind ? buildOwn(kind, subject, () => go(location.pathname + location.search, { replace: true })) : panel("policies_own", h("p", { class: "faint" }, w("policies_service_about")));
  const top = h("div", { class: "panels" }, buildTry({ serverId: kind === "server" ? id : null, taskId: kind === "task" ? id : null }), own);
  const rules = buildRules(kind === "server" ? id : (subject?.serverId ?? null));
  const history = mayUse("ADMIN") ? buildHistory(kind ? { [`${kind}Id`]: id } : null) : null;
  const [shownHistory, shownRules] = await Promise.all([history, rules]);
  if (!signal.aborted) put(place, head, top, shownHistory, shownRules);
}

// Which policy the page is about: the service's, a server's or a task's.
function buildChoice(kind, id) {
  const picked = h("span", { class: "picked" });
  const choice = select([["", "policies_service"], ["server", "policies_server"], ["task", "policies_task"]], { onchange: show });
  choice.value = kind ?? "";
  function show() {
    if (!choice.value) return kind ? go("/policies") : put(picked);
    const named = choice.value;
    const picker = new Picker(named, { id: named === kind ? id : null, onPick: (found) => found && go(`/policies?${named}=${found}`) });
    put(picked, filter("policies_name", picker.element), picker.list);
  }
  show();
  return h("div", { class: "filters", role: "search" }, filter("policies_for", choice), picked);
}
