"""One-time sign-in codes: 128 bits, valid once within an hour. Only their hashes are held, in memory."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

LIFE = timedelta(hours=1)


class SignInLinks:
    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._codes: dict[str, tuple[int, datetime]] = {}

    def issue(self, user_id: int) -> str:
        """Return a code for one sign-in as this user."""
        code, now = secrets.token_urlsafe(16), self._clock()
        self._codes = {known: (id, until) for known, (id, until) in self._codes.items() if now < until}
        self._codes[_hash_code(code)] = (user_id, now + LIFE)
        return code

    def consume(self, code: str) -> int | None:
        """Use up the code and return its user's id; None if it is unknown, used or expired."""
        user_id, until = self._codes.pop(_hash_code(code), (None, None))
        return user_id if until is not None and self._clock() < until else None


def _hash_code(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
