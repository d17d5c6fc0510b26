"""Describe why sshcast cannot work with a PostgreSQL server, in a sentence that says what to do."""

from dataclasses import dataclass

from db.pooler_probe import PROBE_SECONDS

OLDEST = 14
POOLED = (
    "the database is behind PgBouncer, or a pooler like it, in transaction or statement mode, where locks and prepared "
    "statements of a session do not last: set pool_mode = session for this database, or let SSHCAST_DATABASE_URL name "
    "PostgreSQL itself"
)
ALONE = (
    f"the pooler before the database gave no second session within {PROBE_SECONDS:.0f} seconds: let its pool "
    "(default_pool_size in PgBouncer) have at least as many as SSHCAST_DATABASE_CONNECTIONS, for each service"
)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server's facts for this role and database. `pooler`: a pooler is between us and the server."""

    pooler: bool
    version: int
    version_name: str
    encoding: str
    standby: bool
    read_only: bool
    schema: str | None
    search_path: str
    role: str
    database: str


def find_problem(facts: ServerFacts) -> str | None:
    if facts.version < OLDEST:
        return f"PostgreSQL {facts.version_name} is too old: {OLDEST} or newer is needed"
    if facts.encoding != "UTF8":
        return (
            f"the database {facts.database} has the encoding {facts.encoding} and must have UTF8: make another with "
            f"CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )
    if facts.standby:
        return (
            "the database is a standby, which takes no writes: let SSHCAST_DATABASE_URL name the primary, or all of "
            "them with target_session_attrs=read-write"
        )
    if facts.read_only:
        return (
            f"the database {facts.database} takes no writes from the role {facts.role}: set its "
            "default_transaction_read_only to off"
        )
    if facts.schema is None:
        return (
            f"no schema of the search_path ({facts.search_path}) is there for the role {facts.role}: CREATE SCHEMA and "
            "GRANT USAGE and CREATE on it, or correct the search_path"
        )
    return None
