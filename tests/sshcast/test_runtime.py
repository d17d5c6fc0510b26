"""Stopping and starting the service with runs going on, as `sshcast serve` puts it together."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db import executions
from db.models import TaskExecution
from db.values import Mode, Reason, State
from resolvers.context import Service
from runner.bus import PENDING, execution_address
from sshcast.app import open_service
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings
from tests.support import runs
from tests.support.postgres import postgres
from tests.support.stores import Database, database, template
from tests.support.targets import Target, demo_target

__all__ = ["database", "demo_target", "postgres", "template"]

pytestmark = pytest.mark.anyio


async def asked(service: Service, target: Target, command: str, mode: Mode) -> int:
    server = await runs.server(service.store, target, vault=service.vault, run_mode=mode)
    id = await runs.pending(service.store, server, command)
    service.bus.hint(PENDING)
    return id


async def seen(service: Service, id: int, **wanted: Any) -> TaskExecution:
    """The execution's row, once its columns are as wanted. Fails after 30 s."""
    async with asyncio.timeout(30):
        with service.bus.watch(execution_address(id)) as watch:
            while True:
                row = await service.store.read(executions.by_id, id)
                if row is not None and all(getattr(row, name) == value for name, value in wanted.items()):
                    return row
                await watch.wait(0.05)
                watch.clear()


async def test_a_durable_run_outlives_the_service_and_an_attached_one_is_ended_with_a_reason(
    database: Database, demo_target: Target, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    waiting = f"echo up; while [ ! -e {go} ]; do sleep 0.05; done; echo done; exit 3"
    async with database() as url:
        settings = Settings(data=tmp_path / "data", database_url=url, drain_seconds=0.2)
        async with open_service(settings) as service:
            async with start_runner(service, settings):
                durable = await asked(service, demo_target, waiting, Mode.DURABLE)
                attached = await asked(service, demo_target, "echo up; sleep 60", Mode.ATTACHED)
                for id in (durable, attached):
                    await seen(service, id, stdout_bytes=3)
            left = await seen(service, durable)
            ended = await seen(service, attached)
        go.touch()
        async with open_service(settings) as service, start_runner(service, settings):
            row = await seen(service, durable, state=State.FAILED)
            output = await runs.stored(service.store, durable)
    assert (left.state, left.mode) == (State.RUNNING, Mode.DURABLE)
    assert (ended.state, ended.reason, ended.verified_gone) == (State.CANCELLED, Reason.CANCELLED, True)
    assert "sshcast was stopping" in (ended.message or "")
    assert (row.reason, row.exit_code, output) == (Reason.EXIT_STATUS, 3, (b"up\ndone\n", b""))


async def test_what_waits_is_left_to_the_next_start(database: Database, demo_target: Target, tmp_path: Path) -> None:
    async with database() as url:
        settings = Settings(data=tmp_path / "data", database_url=url)
        async with open_service(settings) as service:
            async with start_runner(service, settings):
                pass
            id = await asked(service, demo_target, "exit 4", Mode.DURABLE)
        async with open_service(settings) as service, start_runner(service, settings):
            assert (await seen(service, id, state=State.FAILED)).exit_code == 4


async def test_what_is_kept_no_longer_goes_while_the_service_runs(demo_target: Target, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", keep_executions_days=30)
    async with open_service(settings) as service:
        server = await runs.server(service.store, demo_target, vault=service.vault)
        over = [
            await runs.pending(service.store, server, state=State.SUCCESS, end_time=runs.now() - timedelta(days=days))
            for days in (29, 31)
        ]
        async with start_runner(service, settings), asyncio.timeout(30):
            while await service.store.read(executions.by_id, over[1]):  # noqa: ASYNC110 - its going has no event
                await asyncio.sleep(0.02)
        assert await service.store.read(executions.by_id, over[0]) is not None
