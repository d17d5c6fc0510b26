"""A command line that signs in through the browser, and the browser of few words that a person does it with."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from tests.support.oidc.forger import Forger
from tests.support.oidc.visitor import BROWSER, CALLBACK, visiting

START = "/auth/cli/start"
EXCHANGE = "/auth/cli/token"
REDIRECT = "http://127.0.0.1:50123/callback"


@dataclass
class Page(HTMLParser):
    """What a browser makes of a page: its form, its links, and where it leads by itself."""

    text: str
    action: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    leads: str | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert found["method"] == "post"
            self.action = found["action"]
        elif tag == "input":
            self.fields[found["name"]] = found["value"]
        elif tag == "a":
            self.links.append(found["href"])
        elif tag == "meta" and found.get("http-equiv") == "refresh":
            self.leads = found["content"].partition("url=")[2]


@dataclass(slots=True)
class CommandLine:
    """What it asks for, with a verifier that it keeps to itself."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    redirect: str = REDIRECT

    @property
    def query(self) -> dict[str, str]:
        digest = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {"redirect": self.redirect, "state": self.state}
        return asked | {"code_challenge": digest, "code_challenge_method": "S256"}

    async def exchange(self, http: httpx2.AsyncClient, code: str, **changes: str) -> httpx2.Response:
        body = {"code": code, "codeVerifier": self.verifier} | changes
        return await http.post(EXCHANGE, json=body)


@dataclass(slots=True)
class Person:
    """Sits at a browser, whose cookies and addresses are kept."""

    http: httpx2.AsyncClient
    addresses: list[str] = field(default_factory=list)

    async def open(self, query: dict[str, str], **headers: str) -> httpx2.Response:
        return await self.http.get(START, params=query, headers=BROWSER | headers)

    async def send(self, fields: dict[str, str], **headers: str) -> httpx2.Response:
        sent = BROWSER | {"Sec-Fetch-Site": "same-origin", "Origin": str(self.http.base_url).rstrip("/")} | headers
        return await self.http.post(START, data=fields, headers=sent)

    async def say_yes(self, query: dict[str, str]) -> dict[str, str]:
        """Open the page and continue; the query that the provider is asked with."""
        shown = await self.open(query)
        assert shown.status_code == 200, shown.text
        page = Page(shown.text)
        assert shown.url.join(str(page.action)).path == START
        sent = await self.send(page.fields)
        assert sent.status_code == 200, sent.text
        leads = str(Page(sent.text).leads)
        self.addresses += [str(shown.url), str(sent.url), leads]
        return dict(parse_qsl(urlsplit(leads).query))

    async def come_back(self, **query: str) -> str:
        """Where the service leads after the provider."""
        answer = await self.http.get(CALLBACK, params=query, headers=BROWSER)
        assert answer.status_code == 200, answer.text
        leads = str(Page(answer.text).leads)
        self.addresses += [str(answer.url), leads]
        return leads

    async def sign_in(self, forger: Forger, asked: CommandLine, **claims: Any) -> dict[str, str]:
        """Go all the way, with a provider that says this of them; what the command line's address gets."""
        begun = await self.say_yes(asked.query)
        forger.answer = {"id_token": forger.id_token(nonce=begun["nonce"], **claims), "access_token": "at"}
        leads = await self.come_back(code="a code", state=begun["state"])
        address, _, query = leads.partition("?")
        assert address == asked.redirect
        return dict(parse_qsl(query, strict_parsing=True))


async def go_through(page: str, forger: Forger, url: str, **claims: Any) -> httpx2.Response:
    """Do at the browser what a person does there; what the command line's address answers."""
    async with visiting(url) as browser:
        person = Person(browser.http)
        begun = await person.say_yes(dict(parse_qsl(urlsplit(page).query)))
        forger.answer = {"id_token": forger.id_token(nonce=begun["nonce"], **claims), "access_token": "at"}
        leads = await person.come_back(code="a code", state=begun["state"])
        return await browser.http.get(leads, headers=BROWSER | {"Accept-Language": "zh"})


def write_browser(folder: Path) -> tuple[Path, Path]:
    """Write a program for BROWSER that notes the page that it is to open; it, and the file with the page."""
    browser, seen = folder / "browser", folder / "page"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.draft && mv {seen}.draft {seen}\n')
    browser.chmod(0o755)
    return browser, seen
