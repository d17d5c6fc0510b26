"""The command line's own part of a sign-in through the browser, at a real service with an identity provider."""

import asyncio
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.browser_sign_in import BrowserSignIn, BrowserSignInFailed
from tests.support.commands import ROOT
from tests.support.oidc.command_line import Page, go_through, write_browser
from tests.support.oidc.forger import Forger
from tests.support.oidc.visitor import BROWSER, Visitor, visiting
from tests.support.service import Running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PROGRAM = """
import json, sys, urllib.request
from sshcast.remote.browser_sign_in import BrowserSignIn

def post(address, body):
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)

found = BrowserSignIn(url=sys.argv[1], post=post, say=lambda line: print(line, file=sys.stderr, flush=True)).sign_in()
print(json.dumps([found.access_token, found.username, found.role, repr(found)]))
"""


class Refused(CommandFailed):
    """The answer to a POST was an error."""


def post(address: str, body: dict[str, str]) -> dict[str, Any]:
    answer = httpx2.post(address, json=body, trust_env=False, verify=False)
    if answer.status_code != 200:
        raise Refused(answer.json()["message"])
    found: dict[str, Any] = answer.json()
    return found


@dataclass(slots=True)
class Terminal:
    """What a person reads, and the page that their browser would open."""

    lines: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)

    def sign_in(self, url: str, **changes: Any) -> BrowserSignIn:
        usual: dict[str, Any] = {"post": post, "say": self.lines.append, "open_page": self.pages.append, "seconds": 60}
        return BrowserSignIn(url=url, **usual | changes)


async def test_the_tokens_are_those_of_who_signed_in_in_the_browser(
    api: Running, forger: Forger, visitor: Visitor
) -> None:
    terminal = Terminal()
    waiting = asyncio.create_task(asyncio.to_thread(terminal.sign_in(api.url).sign_in))
    await until(lambda: terminal.pages)
    shown = await go_through(terminal.pages[0], forger, api.url, sub="b1", preferred_username="bea")
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert "您可以关闭此窗口" in shown.text
    found = await waiting
    assert (found.username, found.role) == ("bea", "operator")
    assert (await visitor.profile(found.access_token))["username"] == "bea"
    renewed = await visitor.http.post("/api/auth/refresh", json={"refresh_token": found.refresh_token})
    assert renewed.status_code == 200
    assert not any(secret in repr(found) for secret in (found.access_token, found.refresh_token))
    assert terminal.pages[0] in terminal.lines[-1], "for machines without a browser"


async def test_who_is_refused_reads_why_in_the_terminal(api: Running, forger: Forger) -> None:
    terminal = Terminal()
    waiting = asyncio.create_task(asyncio.to_thread(terminal.sign_in(api.url).sign_in))
    await until(lambda: terminal.pages)
    shown = await go_through(terminal.pages[0], forger, api.url, sub="b2", groups=["others"])
    assert "未能登录" in shown.text
    with pytest.raises(BrowserSignInFailed, match="None of your groups has a role") as caught:
        await waiting
    assert caught.value.reason == "no_role"


async def test_who_cancels_in_the_browser_ends_the_wait(api: Running) -> None:
    terminal = Terminal()
    waiting = asyncio.create_task(asyncio.to_thread(terminal.sign_in(api.url).sign_in))
    await until(lambda: terminal.pages)
    async with visiting(api.url) as browser:
        [link] = Page((await browser.http.get(terminal.pages[0], headers=BROWSER)).text).links
        assert (await browser.http.get(link)).status_code == 200
    with pytest.raises(BrowserSignInFailed, match="cancelled in the browser"):
        await waiting


async def test_what_the_service_refuses_at_the_end_is_told_in_its_words(api: Running, forger: Forger) -> None:
    terminal = Terminal()

    def post_wrong_verifier(address: str, body: dict[str, str]) -> dict[str, Any]:
        return post(address, body | {"codeVerifier": "w" * 43})

    waiting = asyncio.create_task(asyncio.to_thread(terminal.sign_in(api.url, post=post_wrong_verifier).sign_in))
    await until(lambda: terminal.pages)
    await go_through(terminal.pages[0], forger, api.url, sub="b3")
    with pytest.raises(Refused, match="This sign-in of a command line is over"):
        await waiting


@pytest.mark.parametrize(
    "answer", [{}, {"data": None}, {"data": {"access_token": "a"}}, {"data": {"user": []}}], ids=str
)
async def test_an_answer_without_tokens_is_an_error_in_words(api: Running, forger: Forger, answer: Any) -> None:
    terminal = Terminal()
    waiting = asyncio.create_task(asyncio.to_thread(terminal.sign_in(api.url, post=lambda *_: answer).sign_in))
    await until(lambda: terminal.pages)
    await go_through(terminal.pages[0], forger, api.url, sub="b3")
    with pytest.raises(BrowserSignInFailed, match="has no tokens"):
        await waiting


async def test_a_browser_that_goes_on_in_the_terminal_or_is_not_there_does_no_harm(
    api: Running, forger: Forger
) -> None:
    left = threading.Event()
    pages: list[str] = []

    def block(page: str) -> None:
        pages.append(page)
        left.wait(60)

    def fail(page: str) -> None:
        pages.append(page)
        raise FileNotFoundError("no browser")

    try:
        for number, open_page in enumerate((block, fail), 1):
            sign_in = Terminal().sign_in(api.url, open_page=open_page)
            waiting = asyncio.create_task(asyncio.to_thread(sign_in.sign_in))
            await until(lambda number=number: len(pages) == number)  # type: ignore[misc]
            await go_through(pages[-1], forger, api.url, sub="b4")
            assert (await waiting).role == "operator"
    finally:
        left.set()


async def test_a_program_opens_the_browser_of_this_machine_and_prints_who_signed_in(
    api: Running, forger: Forger, tmp_path: Path
) -> None:
    """A process of its own, with the standard library's client, and a browser that `webbrowser` starts."""
    browser, seen = write_browser(tmp_path)
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        api.url,
        cwd=ROOT,
        env=environment | {"BROWSER": f"{browser} %s"},
        stdout=asyncio.subprocess.PIPE,
    )
    await until(seen.exists, 60)
    shown = await go_through(seen.read_text(), forger, api.url, sub="b5", preferred_username="eve.b5")
    assert shown.status_code == 200
    out, _ = await asyncio.wait_for(program.communicate(), 30)
    assert program.returncode == 0
    token, username, role, told = json.loads(out)
    assert (username, role) == ("eve.b5", "operator")
    assert token not in told
