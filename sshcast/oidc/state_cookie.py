"""The state of a sign-in that has begun, encrypted in a cookie: no other browser can read, forge or reuse it."""

import base64
import binascii
import os
from dataclasses import asdict
from datetime import datetime

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.responses import Response

from resolvers.provider import CommandLineRequest, Flow
from resolvers.provider_sign_in import FLOW_LIFE

CALLBACK = "/auth/oidc/callback"
FLOW_COOKIE = "sshcast_oidc"
PURPOSE = b"sshcast: a sign-in that was begun"
NONCE_BYTES = 12


class StateCookie:
    """Encrypts with AES-256-GCM under a key that is derived from the signing key.

    `secure`: browsers use https, so cookies are sent over https only.
    """

    def __init__(self, signing_key: bytes, *, secure: bool) -> None:
        self.secure = secure
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(signing_key))

    def write(self, answer: Response, flow: Flow) -> None:
        """Let the browser keep the sign-in until it comes back."""
        answer.set_cookie(
            FLOW_COOKIE,
            self.encrypt(flow),
            max_age=int(FLOW_LIFE.total_seconds()),
            path=CALLBACK,
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def encrypt(self, flow: Flow) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return base64.urlsafe_b64encode(
            nonce + self._cipher.encrypt(nonce, orjson.dumps(asdict(flow)), PURPOSE)
        ).decode()

    def decrypt(self, text: str) -> Flow | None:
        """Return the sign-in; None for anything that this service did not encrypt."""
        try:
            data = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
            found = orjson.loads(self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], PURPOSE))
        except (binascii.Error, ValueError, InvalidTag):
            return None
        asked = found.get("command_line")
        return Flow(
            **found
            | {
                "expires_at": datetime.fromisoformat(found["expires_at"]),
                "command_line": None if asked is None else CommandLineRequest(**asked),
            }
        )
