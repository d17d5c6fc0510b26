"""The master keys that seal credentials: in the data folder's `secret.key`, or from the environment.

The file has a key a line, the current one first; while a rotation goes on, the ones before follow. A key is named by
the beginning of its SHA-256, so that nobody has to name it.
"""

import hashlib
import os
import secrets
from pathlib import Path

from runner.vault import Keys
from sshcast import data_folder
from sshcast.settings import Settings

FILE = "secret.key"


def of(settings: Settings) -> tuple[Keys, str]:
    """The keys by name, and the current one's name. FolderUnsafe for a file that is open to others, or no keys."""
    given = settings.secret_key
    if given is None:
        return named(read(settings.data))
    before = settings.secret_key_before
    texts = {"SSHCAST_SECRET_KEY": given} | ({"SSHCAST_SECRET_KEY_BEFORE": before} if before else {})
    return named([data_folder.parsed(text.get_secret_value(), origin) for origin, text in texts.items()])


def at_hand(settings: Settings) -> tuple[Keys, str] | None:
    """The same; None when the file is not there. A service that runs then goes on with the keys that it has."""
    return None if missing(settings) else of(settings)


def missing(settings: Settings) -> bool:
    """Whether no key is given and the file is not there."""
    return settings.secret_key is None and not (settings.data / FILE).exists()


def origin(settings: Settings) -> str:
    """Where the keys come from, for people."""
    if settings.secret_key is None:
        return str(settings.data / FILE)
    return "SSHCAST_SECRET_KEY" + (" or SSHCAST_SECRET_KEY_BEFORE" if settings.secret_key_before else "")


def make(folder: Path) -> bool:
    """A file with a new key when there is none. Whether this call has made it."""
    return data_folder.make_key(folder, FILE)


def named(keys: list[bytes]) -> tuple[Keys, str]:
    names = {hashlib.sha256(key).hexdigest()[:12]: key for key in keys}
    return names, next(iter(names))


def read(folder: Path) -> list[bytes]:
    """The keys in the file, the current one first."""
    text = data_folder.secret_text(folder, FILE)
    return [data_folder.parsed(line, str(folder / FILE)) for line in text.split() or [""]]


def add(folder: Path) -> None:
    """A new current key in front of the ones that the file has."""
    keys = read(folder)
    data_folder.replace(folder / FILE, lines([secrets.token_bytes(data_folder.KEY_BYTES), *keys]))


def drop_old(folder: Path) -> int:
    """Leave only the current key. Returns how many went."""
    keys = read(folder)
    data_folder.replace(folder / FILE, lines(keys[:1]))
    return len(keys) - 1


def lines(keys: list[bytes]) -> bytes:
    return "".join(f"{key.hex()}{os.linesep}" for key in keys).encode()
