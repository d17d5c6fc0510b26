"""Read libpq's password file (~/.pgpass). The driver's own reader does not remove the backslash before a colon."""

import os
import re
from pathlib import Path

from db.url_parameters import DatabaseUrlInvalid

FIELD = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)")


def find_password(path: Path, target: tuple[str, str, str, str]) -> str | None:
    """Return the password of the first line that matches (host, port, database, user); None if no line or file does.

    Raises DatabaseUrlInvalid if others may read the file, which libpq would ignore.
    """
    if not path.is_file():
        return None
    if path.stat().st_mode & 0o077:
        raise DatabaseUrlInvalid(f"the password file {path} can be read by others: chmod 600 {path}")
    lines = path.read_text(errors="replace").splitlines()
    fields = (_split(line) for line in lines if line.strip() and not line.startswith("#"))
    return next((found[4] for found in fields if len(found) > 4 and _is_for(found, target)), None)


def default_file() -> Path | None:
    path = os.environ.get("PGPASSFILE")
    if path:
        return Path(path)
    try:
        return Path.home() / ".pgpass"
    except RuntimeError:  # the process's user id has no account
        return None


def _split(line: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", field) for field in FIELD.findall(line)]


def _is_for(fields: list[str], target: tuple[str, str, str, str]) -> bool:
    return all(field in ("*", name) for field, name in zip(fields, target, strict=False))
