"""The pages of `bench.logview`: what opens a log in the console's log view and in xterm.js, and when lines are there.

Both viewers are served by the same process, with the same headers, from the same origin as the API. Times are
milliseconds, told as [until the first line, until the last line], looked at before each frame.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from sshcast.page import build_file_answer

XTERM_FILES = ("xterm/css/xterm.css", "xterm/lib/xterm.js", "addon-search/lib/addon-search.js")
XTERM_PAGE = """<!doctype html><html lang="en"><head><title>xterm.js</title>
<link rel="stylesheet" href="/xterm/xterm.css"><script src="/xterm/xterm.js"></script>
<script src="/xterm/addon-search.js"></script></head><body><script>%s</script></body></html>"""
# In each page of ours, before its own scripts: `watchLog(from, last)` resolves once the log's last line is in the page.
WATCH_OURS = """window.watchLog = async (from, last) => {
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  let first = null;
  for (;;) {
    await frame();
    const rows = document.querySelectorAll(".log-row:not(.waiting)");
    if (rows.length && first === null) first = performance.now() - from;
    if (rows.length && Number(rows[rows.length - 1].dataset.n) === last) break;
  }
  return [first, performance.now() - from];
};
if (location.pathname.startsWith("/executions/")) {
  window.opened = watchLog(0, Number(sessionStorage.getItem("bench.last")));
}"""
OPEN_OURS = """async ([path, last]) => {
  const from = performance.now();
  const { go } = await import("/console/router.js");
  go(path);
  return watchLog(from, last);
}"""
SEARCH_OURS = """async (pattern) => {
  const from = performance.now();
  const input = document.querySelector(".log-bar input[type=search]");
  input.value = pattern;
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  while (!document.querySelector(".log-row.current")) await new Promise((next) => requestAnimationFrame(next));
  return performance.now() - from;
}"""
# `openLog([path, token, lines], from)` does what an application does that shows a log in xterm.js.
XTERM_SCRIPT = """window.openLog = async ([path, token, lines], from) => {
  const place = document.body.appendChild(document.createElement("div"));
  Object.assign(place.style, { width: "1200px", height: "600px" });
  window.term = new Terminal({
    scrollback: lines + 100, cols: 160, rows: 33, convertEol: true, allowProposedApi: true,
  });
  window.search = new SearchAddon.SearchAddon();
  let first = null;
  const asked = fetch(path, { headers: { Authorization: `Bearer ${token}` } });
  term.loadAddon(search);
  term.open(place);
  term.onRender(() => {
    if (first === null && term.buffer.active.length > 1 && term.buffer.active.getLine(0).translateToString(true)) {
      first = performance.now() - from;
    }
  });
  const reader = (await asked).body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    await new Promise((written) => term.write(value, written));
  }
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  return [first, performance.now() - from];
};
if (location.hash) window.opened = openLog(JSON.parse(decodeURIComponent(location.hash.slice(1))), 0);"""
OPEN_XTERM = "(given) => openLog(given, performance.now())"
SEARCH_XTERM = """async (pattern) => {
  const from = performance.now();
  term.scrollToTop();
  if (!search.findNext(pattern)) throw new Error("not found");
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  return performance.now() - from;
}"""
XTERM_POLICY = "default-src 'self' 'unsafe-inline'"


def add_xterm(app: Starlette, modules: Path) -> Starlette:
    """Return the service's application with a page at `/xterm` that shows a log in xterm.js, from npm's `modules`."""
    files = {Path(name).name: modules / name for name in XTERM_FILES}

    async def serve_page(_: Request) -> Response:
        return HTMLResponse(XTERM_PAGE % XTERM_SCRIPT, headers={"Cache-Control": "no-cache"})

    async def serve_file(request: Request) -> Response:
        return build_file_answer(request, files[request.path_params["name"]], XTERM_POLICY)

    return Starlette(routes=[Route("/xterm", serve_page), Route("/xterm/{name}", serve_file), Mount("/", app)])
