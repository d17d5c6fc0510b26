"""Envelope encryption of secrets: a data key per secret, sealed with a master key that is never in the database.

A sealed secret is version (1 byte), length of the key id (1), key id, nonce (12), sealed data key (48), nonce (12),
ciphertext. Both layers are AES-256-GCM, and the place (table, row, field) is authenticated with each: a secret moved
to another row does not open.
"""

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
SEALED_KEY_BYTES = KEY_BYTES + 16


class VaultError(Exception):
    """The secret cannot be opened: another key sealed it, or it was changed or moved."""


class Vault:
    """Seals with the key called `current`; opens with any of `keys` (name -> 32 bytes)."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if any(len(key) != KEY_BYTES for key in keys.values()) or current not in keys:
            raise ValueError("every master key is 32 bytes, and the current one is among them")
        self._keys = dict(keys)
        self._current = current

    def __repr__(self) -> str:
        return f"Vault(current={self._current!r})"

    def seal(self, plaintext: bytes, *, table: str, row: str, field: str) -> bytes:
        place = associated(table, row, field)
        data_key = AESGCM.generate_key(256)
        key_nonce, nonce = os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        name = self._current.encode()
        head = bytes((VERSION, len(name))) + name
        sealed_key = AESGCM(self._keys[self._current]).encrypt(key_nonce, data_key, place)
        return head + key_nonce + sealed_key + nonce + AESGCM(data_key).encrypt(nonce, plaintext, place)

    def open(self, blob: bytes, *, table: str, row: str, field: str) -> bytes:
        place = associated(table, row, field)
        name, rest = self._split(blob)
        key_nonce, rest = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        sealed_key, rest = rest[:SEALED_KEY_BYTES], rest[SEALED_KEY_BYTES:]
        try:
            data_key = AESGCM(self._keys[name]).decrypt(key_nonce, sealed_key, place)
            return AESGCM(data_key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], place)
        except (InvalidTag, KeyError, ValueError):
            raise VaultError("this secret cannot be opened with the keys at hand") from None

    def _split(self, blob: bytes) -> tuple[str, bytes]:
        if len(blob) < 2 or blob[0] != VERSION:
            raise VaultError("this is not a sealed secret of a version that is known here")
        end = 2 + blob[1]
        return blob[2:end].decode("utf-8", "replace"), blob[end:]


def associated(table: str, row: str, field: str) -> bytes:
    return "\0".join(("sshcast", table, row, field)).encode()
