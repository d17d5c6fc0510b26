"""The console's scripts and styles, in memory, under addresses that name their content.

A browser keeps `/assets/DIGEST/…` for good and asks for only the page when it comes back. DIGEST is of all files:
a page of one release never gets a script of another one from the browser's cache. The scripts name each other by
`/console/…` and `/playground/…`, which are there too; an import map in the page leads these names to the assets.
"""

import base64
import gzip
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sshcast.page import CONSOLE, CSP, TYPES, build_headers, build_missing_answer

PLACES = {"console": CONSOLE / "app", "playground": CONSOLE}
"""The folders, by the first part of their files' names; of the playground's only the files directly in it."""
PAGE = CONSOLE / "console.html"
FIRST_SCRIPT = '<script src="/playground/startup.js">'
RULED_OUT = re.compile(r";q=0(\.0*)?$")
FOREVER = "public, max-age=31536000, immutable"
States = tuple[tuple[str, str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Release:
    """The files as they were when they were read. `states`: name, path, time and size of each."""

    states: States
    files: dict[str, bytes]
    page: str
    digest: str
    packed: dict[str, bytes] = field(default_factory=dict)

    def pack(self, name: str) -> bytes:
        """Return a file as gzip has it, made once."""
        if name not in self.packed:
            self.packed[name] = gzip.compress(self.files[name], mtime=0)
        return self.packed[name]


@dataclass(slots=True)
class Assets:
    """Serves the files of the last release that it read. It looks for changed files whenever a page is asked for."""

    places: dict[str, Path] = field(default_factory=lambda: PLACES)
    page: Path = PAGE
    _release: Release | None = None

    def read(self) -> Release:
        """Return the files as they are now: read anew where one of them changed."""
        states = tuple(_list_states(self.places, self.page))
        if self._release is None or self._release.states != states:
            self._release = _read_release(states, self.page)
        return self._release

    async def serve_page(self, request: Request) -> Response:
        """Serve the console's document, which names the assets of the release."""
        release = self.read()
        text, policy = _build_page(release, request.scope.get("root_path", ""))
        tag = f'"{_digest(text.encode())}"'
        headers = build_headers(policy) | {"ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(None, 304, headers)
        return Response(text, 200, headers, "text/html")

    async def serve_file(self, request: Request) -> Response:
        """Serve a file: for good under its release's digest, else as it is now, to be asked for again the next time.

        A page that was opened before an upgrade asks under the digest of that release, and so does one that another
        process serves, which is upgraded already.
        """
        name, digest = str(request.path_params["path"]), request.path_params["digest"]
        release = self._release
        if release is None or release.digest != digest:
            release = self.read()
        if name not in release.files:
            return build_missing_answer()
        return _build_answer(request, release, name, FOREVER if release.digest == digest else "no-cache")


def _list_states(places: dict[str, Path], page: Path) -> Iterator[tuple[str, str, int, int]]:
    for place, folder in places.items():
        for name, entry in _walk(folder, deep=place == "console"):
            found = entry.stat()
            yield f"{place}/{name}", entry.path, found.st_mtime_ns, found.st_size
    found = page.stat()
    yield "", str(page), found.st_mtime_ns, found.st_size


def _walk(folder: Path, *, deep: bool, prefix: str = "") -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Find the files that may be served. Path.rglob takes ten times as long, and each page asks for this."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if deep and entry.is_dir():
                yield from _walk(Path(entry.path), deep=True, prefix=f"{prefix}{entry.name}/")
            elif Path(entry.name).suffix in TYPES.keys() - {".html"} and entry.is_file():
                yield prefix + entry.name, entry


def _read_release(states: States, page: Path) -> Release:
    files = {name: Path(path).read_bytes() for name, path, *_ in states if name}
    whole = b"".join(b"%b\0%d\0%b" % (name.encode(), len(content), content) for name, content in files.items())
    return Release(states, files, page.read_text(encoding="utf-8"), _digest(whole))


def _build_page(release: Release, base: str) -> tuple[str, str]:
    """Return the document and its policy, which lets its import map in and no other script that is no file of ours.

    `base`: the path under which the service is, if it is not at the top.
    """
    root = f"{base}/assets/{release.digest}"
    places = {f"/{place}/": f"{root}/{place}/" for place in PLACES}
    text = release.page
    for name, address in places.items():
        text = text.replace(f'="{name}', f'="{address}')
    names = orjson.dumps({"imports": places}).decode()
    first = FIRST_SCRIPT.replace("/playground/", places["/playground/"])
    # Before everything that loads a module: a map that comes later is not heeded.
    text = text.replace(first, f'<script type="importmap">{names}</script>\n{first}')
    mark = base64.b64encode(hashlib.sha256(names.encode()).digest()).decode()
    return text, CSP.replace("script-src 'self'", f"script-src 'self' 'sha256-{mark}'")


def _build_answer(request: Request, release: Release, name: str, caching: str) -> Response:
    content, coding = release.files[name], ""
    if _takes_gzip(request):
        content, coding = release.pack(name), "gzip"
    tag = f'"{_digest(content)}"'
    headers = build_headers(CSP) | {"ETag": tag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if coding:
        headers["Content-Encoding"] = coding
    if request.headers.get("if-none-match") == tag:
        return Response(None, 304, headers)
    return Response(content, 200, headers, TYPES[Path(name).suffix])


def _takes_gzip(request: Request) -> bool:
    """Whether the client names gzip among the codings that it takes, and does not rule it out by `q=0`."""
    codings = [part.replace(" ", "").lower() for part in request.headers.get("accept-encoding", "").split(",")]
    return any(coding.split(";")[0] == "gzip" and not RULED_OUT.search(coding) for coding in codings)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
