"""An identity provider that says whatever the test makes it say, also what an honest one never would."""

import base64
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sshcast.http.listener import start_http_server

CLIENT = "the-service"
AUDIENCE = "https://sshcast.example"
SUBJECT = "subject-1"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
KEYS: dict[str, Key] = {
    "RS256": RSA,
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "okp"}),
}
KINDS = {"RS256": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "okp", "Ed25519": "okp"}
OF_KIND = {"rsa": KEYS["RS256"], "ec": KEYS["ES256"], "okp": KEYS["Ed25519"]}


@dataclass(slots=True)
class Forger:
    """`answer` is what its token endpoint gives; `asked` counts what was asked for, by path."""

    issuer: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [key.as_dict(private=False) for key in KEYS.values()])
    answer: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    more: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good access token of an operator; None takes one away."""
        now = int(datetime.now(UTC).timestamp())
        usual = {"iss": self.issuer, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "exp": now + 600, "groups": ["ops"]}
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def access(self, *, alg: str = "RS256", key: Key | None = None, header: Any = None, **changes: Any) -> str:
        return token(self.claims(**changes), {"typ": "at+jwt"} | (header or {}), alg=alg, key=key)

    def id_token(self, *, alg: str = "RS256", key: Key | None = None, header: Any = None, **changes: Any) -> str:
        usual = {"aud": CLIENT, "preferred_username": "ada"}
        return token(self.claims(**usual | changes), header or {}, alg=alg, key=key)

    async def serve(self, request: Request) -> Response:
        path = request.url.path
        self.asked[path] = self.asked.get(path, 0) + 1
        if path == "/token":
            self.authorizations.append(request.headers.get("authorization", ""))
            self.forms.append(dict(parse_qsl((await request.body()).decode())))
            return JSONResponse(self.answer, self.status)
        bodies = {"/keys": {"keys": self.keys}, "/userinfo": self.more}
        return JSONResponse(bodies.get(path) or self.published())

    def published(self) -> dict[str, Any]:
        usual = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return usual | self.metadata


def token(claims: Any, header: dict[str, Any], *, alg: str, key: Key | None = None) -> str:
    """Signed by the key of that algorithm, or another one; a header of None leaves that name out."""
    kid = KINDS.get(alg)
    whole = {name: value for name, value in ({"alg": alg, "kid": kid} | header).items() if value is not None}
    body = f"{encoded(orjson.dumps(whole))}.{encoded(orjson.dumps(claims))}"
    if alg == "none":
        return f"{body}."
    name = "Ed25519" if alg == "EdDSA" else alg
    model = jws.JWSRegistry(algorithms=[name]).get_alg(name)
    return f"{body}.{encoded(model.sign(body.encode(), key or OF_KIND[kid or 'rsa']))}"


def signed_as_if_shared(token: str, key: bytes, **header: str) -> str:
    """The same claims under HS256, as an attacker signs them who takes this (a public key) for a shared secret."""
    head = encoded(orjson.dumps({"alg": "HS256"} | header))
    body = f"{head}.{token.split('.')[1]}"
    return f"{body}.{encoded(hmac.new(key, body.encode(), hashlib.sha256).digest())}"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@asynccontextmanager
async def forging() -> AsyncIterator[Forger]:
    listener = socket.create_server(("127.0.0.1", 0))
    forger = Forger(f"http://127.0.0.1:{listener.getsockname()[1]}")
    app = Starlette(routes=[Route("/{path:path}", forger.serve, methods=["GET", "POST"])])
    async with start_http_server(app, listener):
        yield forger
