"""Somebody who signs in with a browser of few words: it keeps cookies and follows addresses one at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
CALLBACK = "/auth/oidc/callback"


@dataclass(slots=True)
class Visitor:
    """At the service of `http`, whose cookies it keeps."""

    http: httpx2.AsyncClient

    async def begin(self, **query: str) -> dict[str, str]:
        """Be sent to the provider; the query that it is sent with."""
        answer = await self.http.get("/auth/oidc/start", params=query, headers=BROWSER)
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def come_back(self, **query: str) -> str:
        """Where the callback sends to."""
        answer = await self.http.get(CALLBACK, params=query, headers=BROWSER)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def exchange(self, address: str) -> httpx2.Response:
        """As the page does with the code after the #."""
        return await self.http.post("/api/auth/link", json={"code": parse_qs(urlsplit(address).fragment)["code"][0]})

    async def profile(self, token: str) -> dict[str, Any]:
        answer = await self.http.get("/api/auth/profile", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[Visitor]:
    """Over plain HTTP: the certificates that nobody needs would take longer to load than a sign-in."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=30) as http:
        yield Visitor(http)
