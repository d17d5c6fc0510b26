// Which page an address shows. A page is a module of pages/ that exports `open(place, visit)`: it fills the element `place`
// and returns when it shows something. `visit` has `params` (parts of the path), `query` (URLSearchParams), and `signal`, which
// aborts when the page is left: whoever subscribes, polls or listens outside `place` stops then.

import { byId, h, put, w } from "/console/dom.js";
import { readEarly } from "/console/log/reader.js";
import { session } from "/playground/session.js";

// The address of the overview: "/", or "/sshcast/" where the service is under a path of its site. The service puts that path
// before the other addresses in what it serves.
const TOP = document.querySelector("h1 a").getAttribute("href");
const ROLES = ["NONE", "VIEWER", "OPERATOR", "ADMIN"];
// Path, module, the word of its place in the navigation (or none), the least role that may use it, and what asks for the page's
// first answer before its module is there.
const ROUTES = [
  [TOP, "overview", "overview", "NONE"],
  ["/executions", "executions", "executions", "NONE"],
  ["/executions/:id", "execution", null, "NONE", readEarly],
  ["/fleet-runs", "fleet_runs", "fleet_runs", "NONE"],
  ["/fleet-runs/:id", "fleet_run", null, "NONE"],
  ["/tasks", "tasks", "tasks", "NONE"],
  ["/tasks/:id", "task", null, "NONE"],
  ["/servers", "servers", "servers", "NONE"],
  ["/servers/:id", "server", null, "NONE"],
  ["/schedule", "schedule", "schedule", "NONE"],
  ["/events", "events", "events", "NONE"],
  ["/audit", "audit", "audit", "ADMIN"],
  ["/users", "users", "users", "ADMIN"],
  ["/policies", "policies", "policies", "NONE"],
  ["/secrets", "secrets", "secrets", "ADMIN"],
  ["/account", "account", null, "NONE"],
].map(([path, module, place, role, begin]) => ({ path, module, place, role, begin, matches: compile(path) }));
let leaving = new AbortController();

function compile(path) {
  return new RegExp(`^${path.replace(/\/$/, "").replace(/:(\w+)/g, "(?<$1>[^/]+)")}/?$`);
}

export const role = () => (session.read()?.user.role ?? "none").toUpperCase();
export const mayUse = (least) => ROLES.indexOf(role()) >= ROLES.indexOf(least);

// Shows another address of the console, without loading anything anew.
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  return openPage();
}

// Changes the address's query and nothing else: what a page shows of its filters, so that a link or a reload shows the same.
export function keepQuery(query) {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== "")).toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : "") + location.hash);
}

export async function openPage() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const route = ROUTES.find((each) => each.matches.test(location.pathname));
  const params = { ...route?.matches.exec(location.pathname).groups };
  route?.begin?.(params);
  const place = h("div", { class: "page" });
  put(byId("work"), place);
  markPlace(route);
  if (!route) return put(place, h("p", { class: "empty" }, w("no_such_page")));
  try {
    const page = await import(`/console/pages/${route.module}.js`);
    if (!signal.aborted) await page.open(place, { params, query: new URLSearchParams(location.search), signal });
  } catch (error) {
    if (!signal.aborted) put(place, h("p", { class: "error", role: "alert" }, error.message));
  }
}

// The links to the pages that this user may use.
export function showPlaces() {
  const links = ROUTES.filter(({ place, role: least }) => place && mayUse(least)).map(({ path, place }) =>
    h("a", { href: path }, w(place)),
  );
  put(byId("places"), ...links, h("a", { href: "/graphql", data: { outside: "" } }, w("playground")));
  byId("places").hidden = false;
}

function markPlace(route) {
  document.title = route?.place ? `${byId("places").querySelector(`a[href="${route.path}"]`)?.textContent ?? ""} · sshcast` : "sshcast";
  for (const link of byId("places").querySelectorAll("a")) {
    const own = link.getAttribute("href");
    const isHere = own === TOP ? location.pathname === TOP : location.pathname.startsWith(own);
    if (isHere) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ inline: "center", block: "nearest" }); // on a narrow screen they scroll sideways
    } else link.removeAttribute("aria-current");
  }
}

// Follows links to our own pages here, so that the page stays; other windows and other sites are the browser's.
export function followLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isOurs = link && link.origin === location.origin && !("outside" in link.dataset) && !link.target && !link.download;
    if (!isOurs || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (!ROUTES.some((route) => route.matches.test(link.pathname))) return;
    event.preventDefault();
    if (link.pathname === location.pathname && link.search === location.search && link.hash !== location.hash) {
      location.hash = link.hash;
      return;
    }
    go(link.pathname + link.search + link.hash).then(() => byId("work").focus({ preventScroll: true }));
  });
  addEventListener("popstate", () => openPage());
}
