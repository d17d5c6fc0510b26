"""Envelope encryption of secrets: a data key per secret, sealed with a master key that is never in the database.

A sealed secret is version (1 byte), length of the key id (1), key id, nonce (12), sealed data key (48), nonce (12),
ciphertext. Both layers are AES-256-GCM, and the place (table, row, field) is authenticated with each: a secret moved
to another row does not open.
"""

import os
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
SEALED_END = NONCE_BYTES + KEY_BYTES + 16
UNOPENED = "this secret cannot be opened with the keys at hand"


class VaultError(Exception):
    """The secret cannot be opened: another key sealed it, or it was changed or moved."""


Keys = Mapping[str, bytes]
Binding = Mapping[str, str]
"""The table, row and field that a sealed secret is bound to."""


class Vault:
    """Seals with the key named `current`; opens with any of `keys` (name -> 32 bytes).

    `renew` returns both again if they may have changed, so that a running service follows a key rotation. It returns
    None if they cannot be read now; the known keys then stay in use.
    """

    def __init__(self, keys: Keys, current: str, *, renew: Callable[[], tuple[Keys, str] | None] | None = None) -> None:
        self._renew = renew
        self._set_keys(keys, current)

    def __repr__(self) -> str:
        return f"Vault(current={self._current!r})"

    def seal(self, plaintext: bytes, *, table: str, row: str, field: str) -> bytes:
        self._renew_keys()
        place = _build_associated_data(table, row, field)
        data_key, nonce = AESGCM.generate_key(256), os.urandom(NONCE_BYTES)
        return self._wrap(data_key, place) + nonce + AESGCM(data_key).encrypt(nonce, plaintext, place)

    def open(self, blob: bytes, *, table: str, row: str, field: str) -> bytes:
        place = _build_associated_data(table, row, field)
        data_key, rest = self._unwrap(blob, place)
        try:
            return AESGCM(data_key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise VaultError(UNOPENED) from None

    def can_open(self, blob: bytes, place: Binding) -> bool:
        """True if one of the keys opens the blob with this binding."""
        try:
            self.open(blob, **place)
        except VaultError:
            return False
        return True

    def is_current(self, blob: bytes) -> bool:
        """True if the current key wraps the blob, so that a rotation can skip it."""
        self._renew_keys()
        return self._split(blob)[0] == self._current

    def rewrap(self, blob: bytes, *, table: str, row: str, field: str) -> bytes:
        """Wrap the data key with the current master key; the secret itself is not decrypted."""
        place = _build_associated_data(table, row, field)
        data_key, rest = self._unwrap(blob, place)
        return self._wrap(data_key, place) + rest

    def _wrap(self, data_key: bytes, place: bytes) -> bytes:
        name, nonce = self._current.encode(), os.urandom(NONCE_BYTES)
        return bytes((VERSION, len(name))) + name + nonce + AESGCM(self._key).encrypt(nonce, data_key, place)

    def _unwrap(self, blob: bytes, place: bytes) -> tuple[bytes, bytes]:
        """Return the data key, and the rest of the blob. Raises VaultError."""
        name, rest = self._split(blob)
        if name not in self._keys:
            self._renew_keys()
        nonce, sealed, rest = rest[:NONCE_BYTES], rest[NONCE_BYTES:SEALED_END], rest[SEALED_END:]
        try:
            return AESGCM(self._keys[name]).decrypt(nonce, sealed, place), rest
        except (InvalidTag, KeyError, ValueError):
            raise VaultError(UNOPENED) from None

    def _renew_keys(self) -> None:
        found = None if self._renew is None else self._renew()
        if found is not None:
            self._set_keys(*found)

    def _set_keys(self, keys: Keys, current: str) -> None:
        if any(len(key) != KEY_BYTES for key in keys.values()) or current not in keys:
            raise ValueError("every master key is 32 bytes, and the current one is among them")
        self._keys, self._current, self._key = dict(keys), current, keys[current]

    def _split(self, blob: bytes) -> tuple[str, bytes]:
        if len(blob) < 2 or blob[0] != VERSION:
            raise VaultError("this is not a sealed secret of a version that is known here")
        end = 2 + blob[1]
        return blob[2:end].decode("utf-8", "replace"), blob[end:]


def _build_associated_data(table: str, row: str, field: str) -> bytes:
    return "\0".join(("sshcast", table, row, field)).encode()
