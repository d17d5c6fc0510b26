"""Identity providers that others have written, each in a process of its own, and how a person signs in with them."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.support.npm import FOLDER
from tests.support.oidc.forger import AUDIENCE, CLIENT, KEYS
from tests.support.ports import free_port

BACK = "http://127.0.0.1:1/auth/oidc/callback"
PROGRAM = "a-program"
PROGRAM_BACK = "http://127.0.0.1:2/back"
SECRET = "the secret of the service"
START_SECONDS = 60
MOST_STEPS = 12
ACTION = re.compile(r'action="([^"]+)"')
PROMPT = re.compile(r'name="prompt" value="(\w+)"')


@dataclass(slots=True, kw_only=True)
class Real:
    """A running provider. `settings` are what the service needs to know of it."""

    issuer: str
    settings: dict[str, Any]
    users: Path | None = None
    known: dict[str, Any] = field(default_factory=dict)

    async def tell(self, subject: str, **claims: Any) -> None:
        """It has a user of this subject with these claims from now on."""
        self.known[subject] = claims
        if self.users is not None:
            self.users.write_text(json.dumps(self.known))
            return
        async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
            (await http.put(f"{self.issuer}/users/{subject}", json=claims)).raise_for_status()

    async def sign_in(self, address: str, subject: str, back: str = BACK) -> dict[str, str]:
        """Sign in there as a person does who was sent to `address`; the query that one is sent back with."""
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=30) as http:
            answer = await http.get(address)
            for _ in range(MOST_STEPS):
                if not answer.has_redirect_location:
                    answer = await http.post(place_of_form(answer), data=form(answer, subject))
                    continue
                where = answer.url.join(answer.headers["location"])
                if str(where).startswith(back):
                    return dict(where.params)
                answer = await http.get(where)
        raise AssertionError(f"{answer.url} leads nowhere: {answer.text[:2000]}")


def place_of_form(answer: httpx2.Response) -> httpx2.URL:
    assert answer.status_code == 200, answer.text
    found = ACTION.search(answer.text)
    return answer.url.join(found[1]) if found else answer.url


def form(answer: httpx2.Response, subject: str) -> dict[str, str]:
    prompt = PROMPT.search(answer.text)
    return {"prompt": prompt[1], "login": subject, "password": "x"} if prompt else {"sub": subject}


@asynccontextmanager
async def process(issuer: str, *command: str, log: Path) -> AsyncIterator[None]:
    """The provider's process, once it answers, until the block ends."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with log.open("wb") as out:
        running = await asyncio.create_subprocess_exec(
            *command, cwd=FOLDER, env=environment, stdout=out, stderr=asyncio.subprocess.STDOUT
        )
    try:
        async with asyncio.timeout(START_SECONDS):
            await until_it_answers(issuer, running, log)
        yield
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def until_it_answers(issuer: str, running: asyncio.subprocess.Process, log: Path) -> None:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
        while running.returncode is None:
            try:
                await http.get(f"{issuer}/.well-known/openid-configuration")
                return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
    raise RuntimeError(f"the provider ended: see {log}")


@asynccontextmanager
async def from_pypi(folder: Path) -> AsyncIterator[Real]:
    """oidc-provider-mock: RS256, no PKCE, opaque access tokens, groups in the ID token."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "oidc_provider_mock", "--host", "127.0.0.1", "--port", str(port)]
    async with process(issuer, *command, log=folder / "provider.log"):
        settings = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        yield Real(issuer=issuer, settings=settings)


@asynccontextmanager
async def from_npm(folder: Path, algorithm: str = "RS256") -> AsyncIterator[Real]:
    """oidc-provider: PKCE is a must, groups stand in userinfo only, and JWTs are its access tokens for a resource."""
    port, users = free_port(), folder / "users.json"
    issuer = f"http://127.0.0.1:{port}"
    signed = {"id_token_signed_response_alg": algorithm}
    program = {"client_id": PROGRAM, "token_endpoint_auth_method": "none", "redirect_uris": [PROGRAM_BACK]}
    ours = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [BACK]}
    given = {
        "issuer": issuer,
        "port": port,
        "users": str(users),
        "clients": [ours | signed, program | signed],
        "keys": [key.as_dict(private=True) for key in KEYS.values()],
        "algorithm": algorithm,
    }
    settings = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    settings |= {"oidc_scopes": "openid profile groups", "oidc_audience": AUDIENCE}
    async with process(issuer, "node", "oidc.mjs", json.dumps(given), log=folder / "provider.log"):
        yield Real(issuer=issuer, settings=settings, users=users)
