"""Writes host keys as people compare them: type and fingerprint, as `ssh-keygen -l` does."""

import base64
import binascii
import hashlib


def format_key(line: str) -> str:
    """Return `ssh-ed25519 SHA256:…` for "TYPE BASE64", with its marker if it has one; the line if it is no key."""
    words = [word for word in line.split() if word != "*"]
    marker = [words.pop(0)] if words and words[0].startswith("@") else []
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        return line
    text = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return " ".join([*marker, words[0], f"SHA256:{text}"])
