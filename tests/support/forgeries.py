"""What is no token of ours: headers, claims, payloads and changes of a token, each with a name."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

from resolvers.tokens import MOST_BYTES
from tests.support.desk import NOON, SIGNING_KEY

HEADER = {"alg": "HS256", "typ": "JWT"}

NOW = int(NOON.timestamp())

CLAIMS = {
    "iss": "sshcast",
    "aud": "sshcast",
    "sub": "7",
    "user_id": 7,
    "username": "ada",
    "role": "operator",
    "typ": "access",
    "tv": 3,
    "jti": "x",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 60,
}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: Any, header: Any = HEADER, *, key: bytes = SIGNING_KEY, digest: str = "sha256") -> str:
    """A token made by hand, rightly signed whatever it says."""
    raw = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    text = f"{encoded(head)}.{encoded(raw)}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), digest))}"


OTHER_KEY = b"zyxwvutsrqponmlkjihgfedcba9876543210"
JWK = {"kty": "oct", "k": encoded(OTHER_KEY)}
HEADERS: dict[str, Any] = {
    "alg none": {"alg": "none", "typ": "JWT"},
    "alg None": {"alg": "None", "typ": "JWT"},
    "alg HS384": {"alg": "HS384", "typ": "JWT"},
    "alg RS256": {"alg": "RS256", "typ": "JWT"},
    "alg is a list": {"alg": ["HS256"], "typ": "JWT"},
    "alg absent": {"typ": "JWT"},
    "typ absent": {"alg": "HS256"},
    "jwk": HEADER | {"jwk": JWK},
    "jku": HEADER | {"jku": "https://evil.example/keys"},
    "kid": HEADER | {"kid": "../../dev/null"},
    "x5u": HEADER | {"x5u": "https://evil.example/cert"},
    "crit": HEADER | {"crit": ["exp"]},
    "b64": HEADER | {"b64": False, "crit": ["b64"]},
    "no object": [],
    "no JSON": b"{",
    "deep JSON": b"[" * 2000,
    "lone surrogate": b'{"alg":"HS256","typ":"\\ud800"}',
    "duplicate alg": b'{"alg":"none","alg":"HS256","typ":"JWT"}x',
}


CHANGES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "evil"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "evil"},
    "audience as a list": {"aud": ["sshcast"]},
    "refresh": {"typ": "refresh"},
    "another type": {"typ": "id"},
    "subject is another": {"sub": "8"},
    "subject is a number": {"sub": 7},
    "user is text": {"user_id": "7"},
    "user is true": {"user_id": True, "sub": "True"},
    "user is a fraction": {"user_id": 7.0, "sub": "7.0"},
    "role unknown": {"role": "root"},
    "role is a list": {"role": ["admin"]},
    "name absent": {"username": None},
    "version is text": {"tv": "3"},
    "expired": {"exp": NOW},
    "expired long ago": {"exp": 0},
    "exp is NaN": {"exp": float("nan")},
    "exp is infinite": {"exp": float("inf")},
    "exp is a fraction": {"exp": NOW + 60.5},
    "exp is text": {"exp": str(NOW + 60)},
    "exp is huge": {"exp": 2**62},
    "exp is beyond 64 bits": {"exp": 10**30},
    "exp is null": {"exp": None},
    "nbf in the future": {"nbf": NOW + 60},
    "nbf is text": {"nbf": "0"},
    "iat in the future": {"iat": NOW + 60},
    "jti is a number": {"jti": 1},
}


PAYLOADS = [b"", b"null", b"[]", b'"text"', b"{}", b"[" * 2000, b'{"a":' * 500, b"\xff\xfe", b"1" * 2000]


def as_json(token: str) -> str:
    head, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "protected": head, "signature": signature})


def general(token: str) -> str:
    head, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "signatures": [{"protected": head, "signature": signature}]})


FORGERIES: dict[str, Callable[[str], str]] = {
    "no signature": lambda token: token.rpartition(".")[0],
    "empty signature": lambda token: token.rpartition(".")[0] + ".",
    "half a signature": lambda token: token[:-20],
    "another's payload": lambda token: ".".join((token.split(".")[0], encoded(b"{}"), token.split(".")[2])),
    "a part too many": lambda token: token + ".e30",
    "five parts": lambda token: token + ".a.b",
    "JSON": as_json,
    "general JSON": general,
    "in spaces": lambda token: f" {token} ",
    "with a line break": lambda token: token + "\n",
    "padded": lambda token: token + "=",
    "with NUL": lambda token: token + "\0",
    "not ASCII": lambda token: token + "é",
    "lone surrogate": lambda token: token + "\ud800",
    "too long": lambda token: token + "A" * MOST_BYTES,
    "empty": lambda token: "",
    "twice": lambda token: token + token,
    "in capitals": str.upper,
}
