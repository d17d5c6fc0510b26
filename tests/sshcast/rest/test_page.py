"""docs/rest.md and docs/rest.zh.md: their commands run as written, and their table has every route."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.support.openapi import Document
from tests.support.rest import Face
from tests.support.service import running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="no curl or bash on this machine"),
]

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("rest.md", "rest.zh.md")
# As written, but the commands stop at an error's status, and pass any proxy of this machine by.
BEFORE = "set -eo pipefail\ncurl() { command curl --fail --noproxy '*' \"$@\"; echo; }\n"


def read_commands(page: str) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(), re.DOTALL))


def test_both_pages_have_the_same_commands() -> None:
    assert read_commands(PAGES[0]) == read_commands(PAGES[1])


@pytest.mark.parametrize("page", PAGES)
async def test_the_table_has_every_route(rest: Face, page: str) -> None:
    listed = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (\S+) \|", (DOCS / page).read_text(), re.MULTILINE)
    operations = (await Document.load(rest)).operations
    assert {(method, path) for method, path, _ in listed} == set(operations)
    for method, path, role in listed:
        operation = operations[method, path]
        assert (role == "-") == (operation["security"] == [])
        assert (role == "operator") == ("the role operator" in operation["description"])


async def test_the_commands_run_as_written(tmp_path: Path) -> None:
    async with running(tmp_path / "service", drive=True) as api:
        script = read_commands(PAGES[0]).replace("http://127.0.0.1:8000", api.url)
        script = script.replace("$(sshcast token alice)", api.token("operator"))
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", BEFORE + script),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        repeated = (await api.ask("GET", "/api/tasks")).json()["total"]
    shown = out.decode()
    assert process.returncode == 0, shown
    assert repeated == 2
    for part in ('"state":"SUCCESS"', '"state":"CANCELLED"', "event: chunk", '{"event":"end"', '"matches":[{"line":1'):
        assert part in shown, part
    assert shown.rstrip().endswith("Filesystem")
    assert (tmp_path / "openapi.json").read_text().startswith('{"openapi":"3.1.0"')
