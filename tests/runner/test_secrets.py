"""Nothing secret is in a log line, an error or a repr: commands, their environment and output, credentials."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from structlog.testing import capture_logs

from db import servers
from db.store import Store
from db.values import Mode
from runner.execution import endpoint
from runner.execution.drive import Drive
from runner.execution.outcome import Outcome
from runner.ssh.protocol import ShellSource
from tests.support import runs
from tests.support.rig import Rig, Wanted, running
from tests.support.scripted_run import follow
from tests.support.stores import Unruly, is_away
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

SECRET = "hunter2-swordfish"


def rendered(events: Sequence[Mapping[str, Any]]) -> str:
    """The events as the service's log would show them, tracebacks included."""
    return "\n".join(str(structlog.processors.format_exc_info(None, "error", dict(event))) for event in events)


async def test_a_run_logs_nothing_of_its_command_environment_or_output(
    store: Store, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with capture_logs() as events:
        async with running(Rig(Wanted(store=store))) as rig:
            row = await rig.ran(await rig.server(target), f"echo {SECRET}; echo $S; exit 1", env={"S": SECRET})
    assert row.exit_code == 1
    assert SECRET not in rendered(events) + caplog.text
    assert target.private_key not in rendered(events) + caplog.text


def test_asyncssh_is_kept_from_logging_commands() -> None:
    assert asyncssh.logging.logger.logger.getEffectiveLevel() >= logging.WARNING


async def test_a_failure_while_driving_logs_its_traceback_without_the_command(
    store: Store, demo_target: Target
) -> None:
    async def broken(drive: Drive, shells: ShellSource) -> Outcome:
        await store.run(not_storable, drive.row.command)
        raise AssertionError("never")

    with capture_logs() as events:
        async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(broken)}))) as rig:
            row = await rig.ran(await rig.server(demo_target), f"echo {SECRET}")
    assert SECRET not in rendered(events)
    assert "Traceback" in rendered(events)
    assert SECRET not in (row.message or "")


def not_storable(conn: Connection, command: str) -> None:
    conn.exec_driver_sql("INSERT INTO no_such_table VALUES (?)", (command,))


async def test_a_database_that_is_away_is_logged_without_what_was_to_be_stored(
    unruly: Unruly, demo_target: Target
) -> None:
    watcher = Rig(Wanted(store=unruly.real))
    with capture_logs() as events:
        async with running(Rig(Wanted(store=unruly))):
            id = await watcher.pending(await watcher.server(demo_target), f"echo {SECRET}; sleep 0.2; echo {SECRET}")
            await watcher.printed(id)
            unruly.obstacle = is_away
            seen = len(unruly.calls)
            await until(lambda: unruly.calls[seen:].count("append") >= 2)
            unruly.obstacle = None
            await watcher.ended(id)
    assert "not stored yet" in rendered(events)
    assert SECRET not in rendered(events)


async def test_an_error_of_the_database_shows_no_parameters(store: Store) -> None:
    with pytest.raises(SQLAlchemyError) as failed:
        await store.run(not_storable, SECRET)
    assert SECRET not in str(failed.value) + repr(failed.value)


async def test_an_opened_endpoint_shows_nothing_of_its_credential(store: Store, tmp_path: Path) -> None:
    target = Target("x", 22, "ssh-ed25519 AAAA", SECRET, tmp_path)
    server = await store.read(servers.by_id, await runs.server(store, target))
    assert server is not None
    opened = endpoint.build_endpoint(server, runs.VAULT)
    assert opened.credential.secret == SECRET
    assert SECRET not in repr(opened) + str(opened) + repr(opened.credential)
