"""A secret text that does not show itself."""

import hmac

HIDDEN = "******"
SHORTEST = 6
"""The fewest characters of a secret. A shorter one would mask ordinary words of the output."""


class Secret:
    """Shows as stars, so that it is never written out by accident; `reveal` returns the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_encode_text(self._text), _encode_text(other._text))

    def __hash__(self) -> int:
        return hash(self._text)

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __copy__(self) -> "Secret":
        return self

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def _encode_text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
