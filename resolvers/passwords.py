"""Hash passwords with Argon2id (RFC 9106) off the event loop, two at a time: a hash takes 19 MiB and tens of ms."""

import asyncio
import os

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB = 19 * 1024
ITERATIONS = 2
LANES = 1
HASH_BYTES = 32
SALT_BYTES = 16
AT_ONCE = 2
# Stored instead of a hash for users without a password, who sign in by the identity provider.
NO_PASSWORD = "none"  # noqa: S105 - the absence of one


class Passwords:
    """Hashes and checks passwords in the PHC string format, which includes the parameters."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(hash_password, password)

    async def matches(self, password: str, phc: str | None) -> bool:
        """Return whether the password matches the hash.

        Without a hash (no such user, or a user without a password) it takes as long, and returns False.
        """
        phc = None if phc == NO_PASSWORD else phc
        if self._nobody is None:
            self._nobody = await self.hash(os.urandom(16).hex())
        async with self._turns:
            found = await asyncio.to_thread(verify_password, password, phc or self._nobody)
        return found and phc is not None


def hash_password(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(SALT_BYTES),
        length=HASH_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(password.encode())


def verify_password(password: str, phc: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), phc)
    except InvalidKey:
        return False
    return True
