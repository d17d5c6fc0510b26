"""`sshcast audit verify` on a chain that somebody with the database file has been at."""

import sqlite3
from pathlib import Path

import pytest

from db.values import Role
from resolvers import users
from sshcast.app import open_service
from sshcast.commands.audit import verify
from sshcast.errors import CommandFailed
from sshcast.settings import Settings
from tests.support.commands import Commands

pytestmark = pytest.mark.anyio

USERS = 5


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A data folder with a chain of an event for each user; its database does not guard the audit any more."""
    made = Settings(data=tmp_path / "data")
    async with open_service(made) as service:
        for number in range(USERS):
            await service.store.run(
                users.insert, f"user{number}", "no hash", Role.VIEWER, users.build_local_actor(service)
            )
    change(made, "DROP TRIGGER audit_events_no_update")
    change(made, "DROP TRIGGER audit_events_no_delete")
    return made


def change(settings: Settings, statement: str) -> None:
    with sqlite3.connect(settings.data / "sshcast.db") as conn:
        conn.execute(statement)
    conn.close()


async def told(settings: Settings, capsys: pytest.CaptureFixture[str], head: str | None = None) -> str:
    """What it prints of a chain that is whole."""
    assert await verify(settings, head) == 0
    return capsys.readouterr().out.strip()


async def test_a_whole_chain_is_told_by_its_newest_event(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    id, head = (await told(settings, capsys)).split()
    assert (id, len(head)) == (str(USERS), 64)
    assert await told(settings, capsys, head) == f"{id} {head}"


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit_events SET after = replace(after, 'viewer', 'admin') WHERE id = 3", 3),
        ("UPDATE audit_events SET at = '2026-01-01 00:00:00.000000' WHERE id = 1", 1),
        ("DELETE FROM audit_events WHERE id = 2", 2),
        ("DELETE FROM audit_events WHERE id = 1", 1),
    ],
)
async def test_a_broken_chain_is_told_by_its_first_broken_event(
    settings: Settings, statement: str, broken: int
) -> None:
    change(settings, statement)
    with pytest.raises(CommandFailed, match=f"broken at event {broken}:"):
        await verify(settings, None)


async def test_newest_events_that_are_gone_are_missed_by_who_kept_the_head(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    _, head = (await told(settings, capsys)).split()
    change(settings, "DELETE FROM audit_events WHERE id >= 4")
    assert (await told(settings, capsys)).startswith("3 ")
    with pytest.raises(CommandFailed, match="newest events were taken away"):
        await verify(settings, head)


async def test_a_head_that_is_none_is_refused(settings: Settings) -> None:
    with pytest.raises(CommandFailed, match="64 hexadecimal digits"):
        await verify(settings, "abc")


async def test_the_command_exits_with_1_for_a_broken_chain(settings: Settings) -> None:
    change(settings, "DELETE FROM audit_events WHERE id = 2")
    done = Commands(settings.data).run("audit", "verify")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"broken at event 2" in b" ".join(done.stderr.split())
