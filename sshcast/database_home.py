"""Refuses to run anything on a PostgreSQL database that was restored or copied, until that was said to be settled."""

from db import database_home as table
from db.database_home import Fit
from db.store import Store

SETTLE = (
    "stop every sshcast on it and run `sshcast restore --settle-database`; or `sshcast migrate --moved`, if nothing "
    "ran after the copy was begun"
)
MOVED = (
    "this database was restored or copied from another one, and what waits in it may have run there since: " + SETTLE
)


class DatabaseMoved(Exception):
    """The database was restored or copied, and nobody has said what that means for what waits in it."""

    def __init__(self) -> None:
        super().__init__(MOVED)


async def has_moved(store: Store) -> bool:
    """Return whether the database, with the tables of this version, is another than the one that its runners know."""
    return store.dialect == "postgresql" and await store.read(table.find_fit) is Fit.MOVED


async def check_home(store: Store) -> None:
    """Raise DatabaseMoved, or note which database this is: before a runner starts."""
    if store.dialect != "postgresql":
        return
    fit = await store.read(table.find_fit)
    if fit is Fit.MOVED:
        raise DatabaseMoved()
    if fit is not Fit.SAME:
        await store.run(table.note)
