"""Describe why a database cannot be migrated to this version's schema, in a sentence that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from db.sqlite_refusals import StoreUnusable
from db.unavailable import find_sqlstate

INSUFFICIENT_PRIVILEGE = "42501"
DUPLICATE_TABLE = "42P07"
ALREADY = " exists"  # SQLite has no error code for it


def refuse_unknown(revision: str | None, known: list[str]) -> None:
    """Raise StoreUnusable for a revision that this version does not know.

    sshcast's revisions are numbers; another form belongs to another program that uses Alembic.
    """
    if revision is None or revision in known:
        return
    if revision.isdigit() and revision > known[-1]:
        raise StoreUnusable(
            f"the database is newer than this version (its schema is {revision}, and the newest known here is "
            f"{known[-1]}): use the version of sshcast that migrated it, or restore the backup from before"
        )
    raise StoreUnusable(
        f"the database is another program's (its schema is {revision!r}, which is no version of sshcast): give sshcast "
        "a database of its own"
    )


@contextmanager
def explain_refusals() -> Iterator[None]:
    """Raise StoreUnusable instead of the database errors of the block that the database's owner can fix."""
    try:
        yield
    except DBAPIError as error:
        found = _explain(error)
        if found is None:
            raise
        raise found from error


def _explain(error: DBAPIError) -> StoreUnusable | None:
    """Return StoreUnusable for an error that the database's owner can fix; None for another one."""
    said = str(error.orig).splitlines()[0].rpartition(">: ")[2]
    if find_sqlstate(error) == INSUFFICIENT_PRIVILEGE:
        return StoreUnusable(
            f"the role may not do what this needs ({said}): let it own the database, or GRANT USAGE, CREATE ON SCHEMA, "
            "and ALL ON ALL TABLES and ALL SEQUENCES IN SCHEMA, to it"
        )
    if find_sqlstate(error) == DUPLICATE_TABLE or said.endswith(ALREADY):
        return StoreUnusable(
            f"the database has tables in it that are not from a migration ({said}), so nothing was changed in it: give "
            "sshcast a database of its own, or restore it from the backup"
        )
    return None
