"""What a key must be to sign access tokens. Not in `tokens.py`, so that settings are checked without its libraries."""

KEY_BYTES = 32
LEAST_DISTINCT = 10


class WeakKey(ValueError):
    """The signing key must be at least 32 bytes of random data: make one with `openssl rand -hex 32`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def check_key(key: bytes) -> None:
    """Raise WeakKey if the key is too short or has too few different bytes."""
    if len(key) < KEY_BYTES or len(set(key)) < LEAST_DISTINCT:
        raise WeakKey()
