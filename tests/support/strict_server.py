"""A PostgreSQL that is not as friendly as the tests' own: TLS, passwords, certificates, roles without rights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority
from tests.support.postgres import Postgres, running, unavailable

DISTRIBUTION = Path("/usr/lib/postgresql")
PASSWORD = "p@/:%#? w"
ESCAPED = "p%40%2F%3A%25%23%3F%20w"
# In `by_tls` there is TLS or nothing, in `by_certificate` a client's certificate too; `ada` has a password.
RULES = """
local ours ada scram-sha-256
local all all trust
host postgres,ours,latin,ascii,readonly,nowhere postgres 127.0.0.1/32 trust
hostssl by_tls all 127.0.0.1/32 trust
hostssl by_certificate all 127.0.0.1/32 cert
host ours ada 127.0.0.1/32 scram-sha-256
host all few,nobody,missing 127.0.0.1/32 trust
"""
PREPARED = (
    "CREATE DATABASE ours",
    "CREATE DATABASE by_tls",
    "CREATE DATABASE by_certificate",
    f"CREATE ROLE ada LOGIN PASSWORD '{PASSWORD}'",
    "CREATE ROLE few LOGIN CONNECTION LIMIT 1",
    "CREATE ROLE nobody LOGIN",
    "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0",
    "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0",
    "CREATE DATABASE readonly",
    "ALTER DATABASE readonly SET default_transaction_read_only = on",
)


@dataclass(frozen=True, slots=True)
class StrictServer:
    """`ca` signed its certificate, for the name `localhost` alone, and `other` did not."""

    postgres: Postgres
    has_tls: bool
    ca: Authority
    other: Authority

    @property
    def port(self) -> int:
        return self.postgres.port

    def url(self, rest: str, user: str = "postgres", host: str = "127.0.0.1") -> str:
        return f"postgresql://{user}@{host}:{self.port}/{rest}"


@contextmanager
def strict_server(folder: Path) -> Iterator[StrictServer]:
    ca, other = Authority.make(folder, "ca"), Authority.make(folder, "other")
    certificate, key = ca.sign("localhost")
    (folder / "hba").write_text(RULES)
    files = {"ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": ca.file, "hba_file": folder / "hba"}
    settings: dict[str, Any] = {name: str(path) for name, path in files.items()}
    programs = next(iter(sorted(DISTRIBUTION.glob("*/bin"), reverse=True)), None)
    with running(folder, programs=programs, ssl="off" if programs is None else "on", **settings) as server:
        yield StrictServer(server, programs is not None, ca, other)


def need_tls(server: StrictServer) -> None:
    """The wheel's PostgreSQL was built without it, the one of Debian and its kin was not."""
    if not server.has_tls:
        unavailable("TLS needs a PostgreSQL of the distribution's: apt-get install postgresql")


async def prepare(server: StrictServer) -> None:
    for statement in PREPARED:
        await server.postgres.execute(statement)
