"""The playground's pages and files, over HTTP: what is served, under which policy, and what is not."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from sshcast import page
from sshcast.page import CONSOLE, CSP, GRAPHIQL_CSP, Playground

pytestmark = pytest.mark.anyio


async def client_of(playground: Playground) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=[Route("/graphql", playground.serve_page, methods=["GET"]), *playground.build_routes()])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser's requests where GraphiQL was not fetched."""
    async for client in client_of(Playground(tmp_path / "absent")):
        yield client


@pytest.fixture
async def fetched(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    (tmp_path / "yoga-graphiql.js").write_text("// GraphiQL")
    async for client in client_of(Playground(tmp_path)):
        yield client


@pytest.mark.parametrize("path", ["/graphql", "/graphql?plain", "/graphql?graphiql"])
async def test_where_graphiql_was_not_fetched_the_page_is_our_own_query_runner(
    plain: httpx2.AsyncClient, path: str
) -> None:
    answer = await plain.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == CSP
    assert "/playground/playground.js" in answer.text


async def test_where_it_was_our_own_page_still_comes_first_and_graphiql_is_asked_for(
    fetched: httpx2.AsyncClient,
) -> None:
    answer = await fetched.get("/graphql?graphiql")
    assert "/playground/graphiql.js" in answer.text
    assert answer.headers["content-security-policy"] == GRAPHIQL_CSP
    for path in ("/graphql", "/graphql?plain"):
        assert "/playground/playground.js" in (await fetched.get(path)).text
    assert (await fetched.get("/playground/yoga-graphiql.js")).text == "// GraphiQL"


@pytest.mark.parametrize("policy", [CSP, GRAPHIQL_CSP])
def test_no_policy_lets_a_script_in_that_is_not_a_file_of_ours(policy: str) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:|\*", policy)


async def test_every_answer_forbids_guessing_its_type_and_telling_where_one_came_from(
    plain: httpx2.AsyncClient,
) -> None:
    for path in ("/graphql", "/playground/playground.js", "/playground/examples.json", "/playground/none.js"):
        answer = await plain.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "name",
    ["..%2fpage.py", "%2e%2e%2fpage.py", "..", ".", "page.py", "graphiql", "graphiql%2fyoga-graphiql.js", "nothing.js"],
)
async def test_only_the_page_s_own_files_are_served(plain: httpx2.AsyncClient, name: str) -> None:
    assert (await plain.get(f"/playground/{name}")).status_code == 404


async def test_what_a_browser_has_already_is_not_sent_again(plain: httpx2.AsyncClient) -> None:
    first = await plain.get("/playground/playground.js")
    again = await plain.get("/playground/playground.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    changed = await plain.get("/playground/playground.js", headers={"If-None-Match": '"another"'})
    assert changed.content == first.content


async def test_another_file_of_the_same_size_and_time_is_sent_again(
    fetched: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """As after an upgrade by a package whose files all have one time, with the old service's process gone."""
    first = await fetched.get("/playground/yoga-graphiql.js")
    file, before = tmp_path / "yoga-graphiql.js", (tmp_path / "yoga-graphiql.js").stat()
    file.write_text("// graphiql")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    page._digest.cache_clear()
    again = await fetched.get("/playground/yoga-graphiql.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.text) == (200, "// graphiql")


@pytest.mark.parametrize("path", sorted(CONSOLE.glob("*.html")), ids=lambda path: path.name)
def test_a_page_says_what_to_look_at_before_any_script_runs(path: Path) -> None:
    text = path.read_text()
    starting = text[text.index('<section id="starting"') : text.index("</section>")]
    assert "hidden" not in starting.partition(">")[0]
    assert "SSHCAST_PUBLIC_URL" in starting
    assert "<noscript>" in starting
    assert re.search(r"[一-鿿]", starting)
    # A module has an Origin, which is what may be refused: the script that tells of it must be none, and come first.
    assert text.index('<script src="/playground/startup.js">') < text.index('<script type="module"')


async def test_the_examples_come_in_their_order_with_their_purpose_in_both_languages(
    plain: httpx2.AsyncClient,
) -> None:
    found = (await plain.get("/playground/examples.json")).json()
    assert [example["name"] for example in found] == sorted(example["name"] for example in found)
    assert len(found) >= 25
    for example in found:
        assert re.search(r"[A-Za-z]", example["about"]["en"]), example["name"]
        assert re.search(r"[一-鿿]", example["about"]["zh"]), example["name"]
        assert isinstance(example["variables"], dict)


@pytest.mark.parametrize("path", sorted(CONSOLE.glob("*.html")), ids=lambda path: path.name)
def test_a_page_has_no_script_or_style_of_its_own_and_names_no_other_host(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", text) == []
    assert re.findall(r"(?:https?:)?//[a-z]", text) == []


def test_no_script_of_ours_makes_html_out_of_text_or_runs_it() -> None:
    for path in CONSOLE.glob("*.js"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
        )
        assert found == [], path.name


def test_both_languages_have_the_same_words_and_the_pages_use_no_other() -> None:
    files = (CONSOLE / "words.js", CONSOLE / "app" / "words" / "shell.js")
    known: set[str] = set()
    for words in (path.read_text() for path in files):
        en, zh = (set(re.findall(r"^    (\w+):", part, re.MULTILINE)) for part in words.split("  zh: {"))
        assert en == zh
        known |= en
    pages = "".join(path.read_text() for path in CONSOLE.glob("*.html"))
    scripts = "".join(path.read_text() for path in CONSOLE.glob("*.js"))
    used = set(re.findall(r'data-word(?:-[a-z-]+)?="(\w+)"', pages)) | set(re.findall(r'\bword\("(\w+)"\)', scripts))
    assert used - known == set()
