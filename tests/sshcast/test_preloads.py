"""The console's document names the modules that an execution's page needs, so that the browser asks for all at once."""

import re

from sshcast.console_routes import APP
from sshcast.page import CONSOLE

STATIC = re.compile(r'^(?:import|export)\b[^"]*?from "([^"]+)"|^import "([^"]+)"', re.MULTILINE)
PRELOAD = re.compile(r'<link rel="modulepreload" href="([^"]+)">')
STARTS = ("/console/main.js", "/console/pages/execution.js")


def _read(address: str) -> str:
    place, _, name = address.removeprefix("/").partition("/")
    return ({"console": APP, "playground": CONSOLE}[place] / name).read_text(encoding="utf-8")


def _find_imports(starts: tuple[str, ...]) -> list[str]:
    """Return the addresses of these modules and of all that they import statically, themselves or through others."""
    found = list(starts)
    for address in found:
        for pair in STATIC.findall(_read(address)):
            found.extend(name for name in pair if name and name not in found)
    return found


def test_every_module_of_an_executions_page_is_preloaded_and_nothing_else() -> None:
    document = (CONSOLE / "console.html").read_text(encoding="utf-8")
    preloaded = PRELOAD.findall(document)
    assert sorted(preloaded) == sorted(set(_find_imports(STARTS)) - {"/console/main.js"})
    assert document.index("/console/main.js") < document.index("modulepreload")


def test_the_modules_that_start_the_page_are_asked_for_first() -> None:
    preloaded = PRELOAD.findall((CONSOLE / "console.html").read_text(encoding="utf-8"))
    first = set(_find_imports(STARTS[:1])) - {"/console/main.js"}
    assert set(preloaded[: len(first)]) == first
