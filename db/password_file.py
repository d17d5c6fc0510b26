"""libpq's file of passwords (~/.pgpass). The driver's own reader leaves in the backslash before a colon."""

import os
import re
from pathlib import Path

from db.url_parameters import DatabaseUrlInvalid

FIELD = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)")


def find_password(path: Path, wanted: tuple[str, str, str, str]) -> str | None:
    """The first that is for the host, port, database and user in `wanted`. None without such a line or file.

    DatabaseUrlInvalid where others may read the file, which libpq would pass over.
    """
    if not path.is_file():
        return None
    if path.stat().st_mode & 0o077:
        raise DatabaseUrlInvalid(f"the password file {path} can be read by others: chmod 600 {path}")
    lines = path.read_text(errors="replace").splitlines()
    fields = (_split(line) for line in lines if line.strip() and not line.startswith("#"))
    return next((found[4] for found in fields if len(found) > 4 and _is_for(found, wanted)), None)


def default_file() -> Path | None:
    given = os.environ.get("PGPASSFILE")
    if given:
        return Path(given)
    try:
        return Path.home() / ".pgpass"
    except RuntimeError:  # a user id that nobody has
        return None


def _split(line: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", field) for field in FIELD.findall(line)]


def _is_for(fields: list[str], wanted: tuple[str, str, str, str]) -> bool:
    return all(field in ("*", name) for field, name in zip(fields, wanted, strict=False))
