"""After pg_restore nothing runs until somebody said what became of the time since; each way to say so is told."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sshcast.database_home import MOVED
from tests.support.commands import Commands
from tests.support.postgres import Postgres, postgres
from tests.support.service import running

__all__ = ["postgres"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def copied(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Commands]:
    """The command line on a copy of a database on which a service has run."""
    async with postgres.database() as url:
        async with running(tmp_path, drive=True, database_url=url):
            pass
        async with postgres.database(template=url.rpartition("/")[2]) as copy:
            yield Commands(tmp_path / "data", {"SSHCAST_DATABASE_URL": copy, "XDG_CONFIG_HOME": os.devnull})


async def call(commands: Commands, *args: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(commands.run, *args)
    return done.returncode, done.stdout.decode(), " ".join(done.stderr.decode().split())


async def check_origin(commands: Commands) -> list[str]:
    """What `doctor` says of where the database is from."""
    _, shown, _ = await call(commands, "doctor", "--local", "--json")
    return [f"{each['status']}: {each['advice']}" for each in json.loads(shown) if each["check"] == "origin"]


async def test_a_service_refuses_a_copied_database_and_migrate_and_doctor_say_what_to_do(copied: Commands) -> None:
    status, _, said = await call(copied, "serve", "--port", "0")
    assert status == 1
    assert said.endswith(f"sshcast: {MOVED}")
    assert await call(copied, "migrate") == (0, "", MOVED)
    (found,) = await check_origin(copied)
    assert found.startswith("failed: stop every sshcast on it and run `sshcast restore --settle-database`; or `sshcast")


@pytest.mark.parametrize("command", ["restore --settle-database", "migrate --moved"])
async def test_once_it_is_settled_or_said_to_be_moved_a_service_starts(command: str, copied: Commands) -> None:
    status, _, said = await call(copied, *command.split())
    assert (status, MOVED in said) == (0, False)
    assert await check_origin(copied) == []
    await serve_briefly(copied)
    await serve_briefly(copied)


async def serve_briefly(commands: Commands) -> None:
    def serve() -> None:
        with commands.serving():
            pass

    await asyncio.to_thread(serve)


async def test_for_sqlite_there_is_no_such_thing_to_say(tmp_path: Path) -> None:
    status, _, said = await call(Commands(tmp_path / "data"), "migrate", "--moved")
    assert status == 1
    assert "--moved is for PostgreSQL" in said
