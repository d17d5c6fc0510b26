"""The master keys that encrypt credentials: in the data folder's `secret.key`, or from the environment.

The file has one key a line, the current one first; during a rotation, the previous ones follow. A key's name is the
beginning of its SHA-256, so that nobody has to choose one.
"""

import hashlib
import os
import secrets
from pathlib import Path

from runner.secrets.vault import Keys
from sshcast import data_folder
from sshcast.settings import Settings

FILE = "secret.key"


def load_keys(settings: Settings) -> tuple[Keys, str]:
    """Return the keys by name, and the current one's name.

    Raise FolderUnsafe if the file is readable by others or holds no keys.
    """
    given = settings.secret_key
    if given is None:
        return name_keys(load_key_file(settings.data))
    before = settings.secret_key_before
    texts = {"SSHCAST_SECRET_KEY": given} | ({"SSHCAST_SECRET_KEY_BEFORE": before} if before else {})
    return name_keys([data_folder.parse_key(text.get_secret_value(), origin) for origin, text in texts.items()])


def find_keys(settings: Settings) -> tuple[Keys, str] | None:
    """Return the same, or None if the file is missing. A running service then keeps the keys that it has."""
    return None if is_missing(settings) else load_keys(settings)


def is_missing(settings: Settings) -> bool:
    """Tell whether no key is given and there is no key file."""
    return settings.secret_key is None and not (settings.data / FILE).exists()


def format_origin(settings: Settings) -> str:
    """Return where the keys come from, for messages."""
    if settings.secret_key is None:
        return str(settings.data / FILE)
    return "SSHCAST_SECRET_KEY" + (" or SSHCAST_SECRET_KEY_BEFORE" if settings.secret_key_before else "")


def make_key_file(folder: Path) -> bool:
    """Create a file with a new key if there is none; return whether this call created it."""
    return data_folder.make_key(folder, FILE)


def name_keys(keys: list[bytes]) -> tuple[Keys, str]:
    names = {hashlib.sha256(key).hexdigest()[:12]: key for key in keys}
    return names, next(iter(names))


def load_key_file(folder: Path) -> list[bytes]:
    """Return the keys in the file, the current one first."""
    text = data_folder.load_key_text(folder, FILE)
    return [data_folder.parse_key(line, str(folder / FILE)) for line in text.split() or [""]]


def add_key(folder: Path) -> None:
    """Add a new current key in front of the file's keys."""
    keys = load_key_file(folder)
    data_folder.replace(folder / FILE, format_key_file([secrets.token_bytes(data_folder.KEY_BYTES), *keys]))


def drop_old_keys(folder: Path) -> int:
    """Keep only the current key; return how many were removed."""
    keys = load_key_file(folder)
    data_folder.replace(folder / FILE, format_key_file(keys[:1]))
    return len(keys) - 1


def format_key_file(keys: list[bytes]) -> bytes:
    return "".join(f"{key.hex()}{os.linesep}" for key in keys).encode()
