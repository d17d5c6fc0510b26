"""Read the scheme of a database URL, and suggest the right one if it is not known."""

import re
from difflib import get_close_matches
from typing import Literal

from db.url_parameters import DatabaseUrlInvalid

SCHEME = re.compile(r"(?P<base>[a-z][a-z0-9.-]*)(?:\+(?P<driver>[a-z0-9_]*))?://", re.IGNORECASE)
POSTGRES = "postgresql://user:password@host/name"
SQLITE = "sqlite:////absolute/path.db"
# Drivers in URLs for other programs, such as SQLAlchemy. They are accepted and ignored: sshcast has its own driver.
DRIVERS = {
    "postgresql": {"asyncpg", "psycopg", "psycopg_async", "psycopg2", "psycopg2cffi", "pg8000"},
    "sqlite": {"aiosqlite", "pysqlite"},
}
OTHER_NAMES = {"pg": "postgresql", "pgsql": "postgresql", "psql": "postgresql", "postgis": "postgresql"}
OTHER_NAMES |= {"file": "sqlite", "sqlite3": "sqlite"}


def read_scheme(text: str) -> tuple[Literal["sqlite", "postgresql"], str]:
    """Return the database, and the text after `://`. DatabaseUrlInvalid for an unknown scheme."""
    match = SCHEME.match(text)
    if match is None:
        raise DatabaseUrlInvalid(_explain_without_scheme(text))
    base, driver, rest = match["base"].lower(), match["driver"], text[match.end() :]
    base = "postgresql" if base == "postgres" else base
    if base not in DRIVERS:
        raise DatabaseUrlInvalid(_explain_foreign(base))
    if driver is not None and driver.lower() not in DRIVERS[base]:
        raise DatabaseUrlInvalid(f"{base}+{driver} is not a driver that is known: write {base}:// alone")
    return ("sqlite" if base == "sqlite" else "postgresql"), rest


def _explain_foreign(base: str) -> str:
    close = get_close_matches(base, ["postgresql", "postgres", "sqlite"], n=1, cutoff=0.7)
    meant = OTHER_NAMES.get(base) or (close[0] if close else None)
    if meant is None:
        return f"{base}:// is not for a database that sshcast can use: write {POSTGRES} or {SQLITE}"
    return f"{base}:// is not known: write {SQLITE if meant == 'sqlite' else POSTGRES}"


def _explain_without_scheme(text: str) -> str:
    lower = text.lower()
    if lower.startswith("jdbc:"):
        return f"it is a URL for JDBC: leave out jdbc: and write {POSTGRES}"
    if lower.startswith(("postgres:", "postgresql:")):
        return f"two slashes are missing after the colon: write {POSTGRES}"
    if lower.startswith(("sqlite:", "file:")) or text.startswith(("/", "./", "../", "~")) or lower.endswith(".db"):
        return f"a SQLite file is named with four slashes: write {SQLITE}"
    if re.match(r"\w+\s*=", text):
        return f"it is a list of keywords and not a URL: write {POSTGRES}"
    return f"its beginning is missing: write {POSTGRES}"
