"""What an access token tells of its user, read without the models, which take longer to import than the rest."""

from typing import NamedTuple

from sqlalchemy import Connection, text

BY_NAME = text("SELECT id, name, role, token_version FROM users WHERE name = :name AND NOT disabled")


class TokenUser(NamedTuple):
    """An enabled user."""

    id: int
    name: str
    role: str
    token_version: int


def find_enabled(conn: Connection, name: str) -> TokenUser | None:
    row = conn.execute(BY_NAME, {"name": name}).first()
    return None if row is None else TokenUser(*row)
