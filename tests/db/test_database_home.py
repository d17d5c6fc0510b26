"""A PostgreSQL database that was restored or copied is told from one that was only renamed, moved or upgraded."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from db import database_home
from db.database_home import Fit, Home, compare
from db.store import open_store
from tests.support.postgres import Postgres, program

pytestmark = pytest.mark.anyio

KNOWN = Home("7001", 16_384, "16400 16420 16440", 17)
Change = Callable[[Postgres, str, Path], Awaitable[str]]
"""What is done to the database of that name. Returns the name of the one to look at."""


async def find_fit(url: str) -> Fit:
    store = await open_store(url)
    try:
        return await store.read(database_home.find_fit)
    finally:
        await store.close()


async def run(*command: str) -> None:
    await asyncio.to_thread(subprocess.run, [program(command[0]), *command[1:]], check=True, timeout=60)


async def execute(url: str, statement: str) -> None:
    conn = await asyncpg.connect(url)
    await conn.execute(statement)
    await conn.close()


async def rename(server: Postgres, name: str, folder: Path) -> str:
    await server.execute(f"ALTER DATABASE {name} RENAME TO {name}_renamed")
    return f"{name}_renamed"


async def rewrite_the_tables(server: Postgres, name: str, folder: Path) -> str:
    await execute(server.url(name), "VACUUM FULL")
    return name


async def keep_the_role_from_the_systems_name(server: Postgres, name: str, folder: Path) -> str:
    revoke = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public; CREATE ROLE plain LOGIN; GRANT SELECT ON"
    await execute(server.url(name), f"{revoke} database_home TO plain")
    url = server.url(name).replace("postgres@", "plain@")
    assert await find_fit(url) is Fit.SAME
    await execute(server.url(name), "DROP OWNED BY plain; DROP ROLE plain")
    return name


async def restore_into_another(server: Postgres, name: str, folder: Path) -> str:
    await run("pg_dump", "--format=custom", f"--file={folder / 'dump'}", server.url(name))
    await server.execute(f"CREATE DATABASE {name}_restored TEMPLATE template0")
    await run("pg_restore", f"--dbname={server.url(f'{name}_restored')}", str(folder / "dump"))
    return f"{name}_restored"


async def restore_over_it(server: Postgres, name: str, folder: Path) -> str:
    await run("pg_dump", "--format=custom", f"--file={folder / 'dump'}", server.url(name))
    await run("pg_restore", "--clean", "--if-exists", f"--dbname={server.url(name)}", str(folder / "dump"))
    return name


async def copy(server: Postgres, name: str, folder: Path) -> str:
    await server.execute(f"CREATE DATABASE {name}_copied TEMPLATE {name}")
    return f"{name}_copied"


@pytest.fixture
async def known(postgres: Postgres) -> AsyncIterator[str]:
    """The name of a database that its runners know."""
    async with postgres.database() as url:
        assert await find_fit(url) is Fit.UNKNOWN
        store = await open_store(url)
        await store.run(database_home.note)
        await store.run(database_home.note)
        await store.close()
        name = url.rpartition("/")[2]
        yield name
        for ending in ("_restored", "_copied"):
            await postgres.execute(f"DROP DATABASE IF EXISTS {name}{ending} WITH (FORCE)")
        with suppress(asyncpg.InvalidCatalogNameError):
            await postgres.execute(f"ALTER DATABASE {name}_renamed RENAME TO {name}")


CHANGES: dict[Change, Fit] = {
    rename: Fit.SAME,
    rewrite_the_tables: Fit.SAME,
    keep_the_role_from_the_systems_name: Fit.SAME,
    restore_into_another: Fit.MOVED,
    restore_over_it: Fit.MOVED,
    copy: Fit.MOVED,
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
async def test_what_is_done_to_a_database_makes_another_of_it_or_not(
    change: Change, known: str, postgres: Postgres, tmp_path: Path
) -> None:
    assert await find_fit(postgres.url(known)) is Fit.SAME
    name = await change(postgres, known, tmp_path)
    assert await find_fit(postgres.url(name)) is CHANGES[change]


@pytest.mark.parametrize(
    ("found", "fit"),
    [
        (KNOWN, Fit.SAME),
        (replace(KNOWN, system_id=None), Fit.SAME),
        (replace(KNOWN, major=18), Fit.SAME),
        (replace(KNOWN, system_id="7002", major=18), Fit.UPGRADED),  # pg_upgrade, from PostgreSQL 15 on
        (replace(KNOWN, system_id="7002", database_oid=16_390, major=18), Fit.UPGRADED),  # and before
        (replace(KNOWN, system_id=None, database_oid=16_390, major=18), Fit.UPGRADED),
        (replace(KNOWN, system_id="7002"), Fit.MOVED),  # the same dump, restored the same way into another new cluster
        (replace(KNOWN, system_id="7002", major=16), Fit.MOVED),
        (replace(KNOWN, database_oid=16_390), Fit.MOVED),
        (replace(KNOWN, table_oids="1 2 3", major=18), Fit.MOVED),
    ],
)
def test_an_upgrade_is_told_from_a_restore_by_the_tables_and_the_version(found: Home, fit: Fit) -> None:
    assert compare(KNOWN, found) is fit
