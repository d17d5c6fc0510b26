"""The service without its identity provider, or with one that does not answer as it should."""

from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from db.values import Role
from resolvers.errors import Unavailable
from resolvers.provider import Flow
from sshcast.oidc.client import OidcClient
from sshcast.oidc.registration import ClientRegistration
from tests.support.oidc.forger import AUDIENCE, CLIENT, Forger, forging
from tests.support.oidc.visitor import BROWSER, visiting
from tests.support.ports import free_port
from tests.support.service import running

pytestmark = pytest.mark.anyio

ME = {"query": "{ me { name } }"}


def line_to(issuer: str) -> OidcClient:
    return OidcClient(
        ClientRegistration(issuer=issuer, client_id=CLIENT, secret=None, scopes="openid", redirect_uri="http://x/")
    )


def flow() -> Flow:
    return Flow(state="s", nonce="n", verifier="v" * 43, return_path="/", expires_at=None)  # type: ignore[arg-type]


async def test_the_service_serves_and_says_what_fails(tmp_path: Path) -> None:
    away = Forger(f"http://127.0.0.1:{free_port()}")
    settings: dict[str, Any] = {"oidc_issuer": away.issuer, "oidc_client_id": CLIENT, "oidc_audience": AUDIENCE}
    async with running(tmp_path, public_url="http://127.0.0.1:1", **settings) as api, visiting(api.url) as visitor:
        answer = await visitor.http.get("/auth/oidc/start", headers=BROWSER)
        assert answer.headers["location"] == "/graphql#refused=unavailable"
        assert (await api.data(ME["query"], "operator"))["me"] == {"name": f"the.{Role.OPERATOR}"}
        headers = {"Authorization": f"Bearer {away.access()}"}
        answer = await api.http.get("/api/auth/profile", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (503, "UNAVAILABLE")
        answer = await api.http.post("/graphql", json=ME, headers=headers)
        assert '"UNAVAILABLE"' in answer.text
        async with api.socket(None) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.begin(headers)
            code, reason = await socket.closed()
        assert code == 1013
        assert "identity provider" in (reason or "")


NOT_USABLE: dict[str, dict[str, Any]] = {
    "it calls itself otherwise": {"issuer": "https://elsewhere.example"},
    "it calls itself almost so": {"issuer": "http://127.0.0.1"},
    "it names no place to sign in": {"authorization_endpoint": None},
    "it sends codes over plain HTTP": {"token_endpoint": "http://elsewhere.example/token"},
    "it has its keys in a file": {"jwks_uri": "file:///etc/passwd"},
    "it knows no PKCE as we do": {"code_challenge_methods_supported": ["plain"]},
}


@pytest.mark.parametrize("what", list(NOT_USABLE))
async def test_a_provider_that_publishes_what_cannot_be_right_is_not_used(what: str) -> None:
    async with forging() as forger:
        forger.metadata = NOT_USABLE[what]
        with pytest.raises(Unavailable):
            await line_to(forger.issuer).address(flow())


async def test_keys_that_are_too_many_or_none_are_not_taken() -> None:
    async with forging() as forger:
        good = forger.keys
        forger.keys = [{"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}]
        with pytest.raises(Unavailable):
            await line_to(forger.issuer).keys()
        forger.keys = good * 1000
        assert len(await line_to(forger.issuer).keys()) == 50
        forger.keys = good * 5000
        with pytest.raises(Unavailable):
            await line_to(forger.issuer).keys()


async def test_a_public_client_shows_its_name_only() -> None:
    async with forging() as forger:
        forger.answer = {"id_token": "x", "access_token": "y"}
        found = await line_to(forger.issuer).redeem("code", "v" * 43)
        assert (found.id_token, found.access_token) == ("x", "y")
        assert repr(found) == "ProviderTokens()"
        assert forger.authorizations == [""]
        assert forger.forms[0]["client_id"] == CLIENT
