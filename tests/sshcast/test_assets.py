"""The console's files under the address of their content: kept for good by browsers, never mixed between releases."""

import base64
import gzip
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import orjson
import pytest
from starlette.applications import Starlette

from sshcast.assets import Assets
from sshcast.console_routes import build_console_routes, list_files
from sshcast.page import CONSOLE

pytestmark = pytest.mark.anyio

PAGE = "/executions/7"
MAP = re.compile(r'<script type="importmap">(.*?)</script>')
NAMES = re.compile(r'(?:src|href)="(/assets/[^"]+)"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the console's files, to be changed."""
    shutil.copytree(CONSOLE, tmp_path / "console", ignore=shutil.ignore_patterns("graphiql"))
    return tmp_path / "console"


@pytest.fixture
async def browser(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    assets = Assets({"console": folder / "app", "playground": folder}, folder / "console.html")
    async with open_client(assets) as client:
        yield client


def open_client(assets: Assets, root_path: str = "") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(Starlette(routes=build_console_routes(assets)), root_path=root_path)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def find_root(browser: httpx2.AsyncClient) -> str:
    """Return the address under which the page has its files, without a slash at its end."""
    found = MAP.search((await browser.get(PAGE)).text)
    assert found is not None
    return str(orjson.loads(found[1])["imports"]["/console/"]).removesuffix("/console/")


async def test_the_page_is_asked_for_each_time_and_whatever_it_names_is_kept_for_good(
    browser: httpx2.AsyncClient,
) -> None:
    page = await browser.get(PAGE)
    assert page.headers["cache-control"] == "no-cache"
    names = NAMES.findall(page.text)
    assert len(names) > 40
    for name in set(names):
        answer = await browser.get(name)
        assert answer.status_code == 200, name
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = await browser.get(PAGE, headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_names_no_file_by_an_address_that_has_to_be_asked_for_again(
    browser: httpx2.AsyncClient,
) -> None:
    text = (await browser.get(PAGE)).text
    assert re.findall(r'(?:src|href)="/(?:console|playground)/[^"]*"', text) == []


async def test_every_file_is_there_as_it_is_on_disk(browser: httpx2.AsyncClient, folder: Path) -> None:
    root = await find_root(browser)
    for file in sorted((folder / "app").rglob("*.js")):
        answer = await browser.get(f"{root}/console/{file.relative_to(folder / 'app')}")
        assert answer.content == file.read_bytes()
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(list_files()) > 100


async def test_the_policy_lets_the_import_map_in_and_no_other_script_of_the_page(browser: httpx2.AsyncClient) -> None:
    page = await browser.get(PAGE)
    found = MAP.search(page.text)
    assert found is not None
    mark = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";"))
    assert rules["script-src"] == f"'self' 'sha256-{mark}'"
    assert page.text.index("importmap") < page.text.index("<script src=")
    assert page.text.index("importmap") < page.text.index("modulepreload")
    assert re.findall(r"<script(?![^>]*src=)(?! type=\"importmap\")", page.text) == []


async def test_a_changed_file_has_another_address_though_its_size_and_those_of_others_stay(
    browser: httpx2.AsyncClient, folder: Path
) -> None:
    before = await find_root(browser)
    assert await find_root(browser) == before
    file = folder / "app" / "dom.js"
    text = file.read_text()
    file.write_text(text.replace("h", "H", 1))
    os.utime(file, ns=(1, 1))
    after = await find_root(browser)
    assert after != before
    assert (await browser.get(f"{after}/console/dom.js")).text == file.read_text()


async def test_a_page_of_an_earlier_release_gets_the_file_as_it_is_now_and_does_not_keep_it(
    browser: httpx2.AsyncClient, folder: Path
) -> None:
    before = await find_root(browser)
    (folder / "app" / "dom.js").write_text("// of the next release")
    await find_root(browser)
    answer = await browser.get(f"{before}/console/dom.js")
    assert (answer.status_code, answer.text) == (200, "// of the next release")
    assert answer.headers["cache-control"] == "no-cache"
    again = await browser.get(f"{before}/console/dom.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_what_a_digest_names_stays_what_it_is_until_a_page_names_another(
    browser: httpx2.AsyncClient, folder: Path
) -> None:
    """A file that changes between the page and its scripts must not be kept for good under the old name."""
    before = await find_root(browser)
    old = (folder / "app" / "dom.js").read_bytes()
    (folder / "app" / "dom.js").write_text("// changed")
    answer = await browser.get(f"{before}/console/dom.js")
    assert (answer.content, "immutable" in answer.headers["cache-control"]) == (old, True)


async def test_a_process_that_has_shown_no_page_yet_serves_what_another_one_s_page_names(
    browser: httpx2.AsyncClient, folder: Path
) -> None:
    root = await find_root(browser)
    async with open_client(Assets({"console": folder / "app", "playground": folder}, folder / "console.html")) as other:
        answer = await other.get(f"{root}/playground/session.js")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
async def test_files_are_packed_for_those_who_take_it(
    browser: httpx2.AsyncClient, folder: Path, accepted: str, is_packed: bool
) -> None:
    address = f"{await find_root(browser)}/console/router.js"
    async with browser.stream("GET", address, headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (answer.headers.get("content-encoding") == "gzip") is is_packed
    content = (folder / "app" / "router.js").read_bytes()
    assert (gzip.decompress(raw) if is_packed else raw) == content
    assert (len(raw) < len(content) / 2) is is_packed


async def test_only_files_of_the_console_are_served(browser: httpx2.AsyncClient) -> None:
    root = await find_root(browser)
    for path in ("", "console", "console/none.js", "console/../console.html", "playground/console.html", "page.py"):
        assert (await browser.get(f"{root}/{path}")).status_code == 404, path
    for path in ("playground/graphiql/yoga-graphiql.js", "console/%2e%2e/session.js", "/etc/passwd"):
        assert (await browser.get(f"{root}/{path}")).status_code == 404, path


async def test_under_a_path_of_a_proxy_the_files_are_under_that_path(folder: Path) -> None:
    assets = Assets({"console": folder / "app", "playground": folder}, folder / "console.html")
    async with open_client(assets, root_path="/tools") as client:
        text = (await client.get(f"/tools{PAGE}")).text
        names = NAMES.findall(text)
        assert names == []
        assert re.findall(r'src="(/tools/assets/\w+/console/main.js)"', text) != []
