"""Check before a command starts that sshcast can work with the PostgreSQL server."""

from functools import partial

from sqlalchemy import Connection, text

from db.pooler_probe import shares_sessions
from db.postgres_connect import connect
from db.postgres_store import PostgresStore
from db.server_problems import ALONE, POOLED, ServerFacts, find_problem
from db.sqlite_refusals import StoreUnusable
from db.store import Store
from db.unavailable import find_sqlstate

# SQLSTATEs of statements that reach another session than the one they were prepared in: the connection ends, the
# prepared statement does not exist, or exists already.
MIXED_UP = ("08", "26", "42P05")
FACTS = text(
    "SELECT pg_backend_pid() AS pid, current_setting('server_version_num')::int / 10000 AS version,"
    " current_setting('server_version') AS version_name, current_setting('server_encoding') AS encoding,"
    " pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') = 'on' AS read_only,"
    " current_schema() AS schema, current_setting('search_path') AS search_path,"
    " current_user AS role, current_database() AS database"
)


async def check_server(store: Store) -> None:
    """Raise StoreUnusable if the server cannot be used; the message says why. SQLite is not checked."""
    if not isinstance(store, PostgresStore):
        return
    try:
        facts = await store.read(_read_facts)
    except Exception as error:
        if find_sqlstate(error.__cause__ or error).startswith(MIXED_UP) and await _fails_by_a_pooler(store):
            raise StoreUnusable(POOLED) from error
        raise
    if facts.pooler:
        await _refuse_shared_sessions(store)
    problem = find_problem(facts)
    if problem is not None:
        raise StoreUnusable(problem)


def _read_facts(conn: Connection) -> ServerFacts:
    row = conn.execute(FACTS).one()._asdict()
    # A pooler tells its clients an invented process id.
    announced = conn.connection.driver_connection.get_server_pid()  # type: ignore[union-attr]
    return ServerFacts(pooler=row.pop("pid") != announced, **row)


async def _fails_by_a_pooler(store: PostgresStore) -> bool:
    """Return whether a session-sharing pooler explains the failure; False if the probe itself cannot connect."""
    try:
        return await shares_sessions(partial(connect, store.url))
    except Exception:
        return False


async def _refuse_shared_sessions(store: PostgresStore) -> None:
    await store.release()  # the pooler may have no further session for the probe
    try:
        shared = await shares_sessions(partial(connect, store.url))
    except TimeoutError as error:
        raise StoreUnusable(ALONE) from error
    if shared:
        raise StoreUnusable(POOLED)
