"""Why a fleet run may not run on a server, in words of both languages, as one text that is stored with the member."""

import json


def pack(en: str, zh: str) -> str:
    """Return the text to store."""
    return json.dumps({"en": en, "zh": zh}, ensure_ascii=False)


def choose(stored: str | None, language: str) -> str | None:
    """Return what `pack` stored, in this language; None if nothing is stored."""
    return None if stored is None else str(json.loads(stored)[language])
