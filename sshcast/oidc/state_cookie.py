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

from resolvers.provider import Flow

PURPOSE = b"sshcast: a sign-in that was begun"
NONCE_BYTES = 12


class StateCookie:
    """Encrypts with AES-256-GCM under a key that is derived from the signing key."""

    def __init__(self, signing_key: bytes) -> None:
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(signing_key))

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
        return Flow(**found | {"expires_at": datetime.fromisoformat(found["expires_at"])})
