"""Schemathesis, with the OpenAPI document, tries the running service: what it may ask and what it may not."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from db import executions
from db.executions import ExecutionFilter
from db.page import Window
from db.values import State
from resolvers import executions as runs
from resolvers.errors import Conflict
from tests.support.service import Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.clients, pytest.mark.timeout(300)]

SEED = "20261130"
# A document cannot say all that a request must be, such as a cron expression that is one.
LEFT_OUT = "positive_data_acceptance"
# The random part stops after so long; the rest takes about half of it.
MOST_SECONDS = 40
SECONDS = 240


@asynccontextmanager
async def cancelling(api: Running) -> AsyncIterator[None]:
    """Until the block ends, cancel what waits, so that no log is followed for ever and no command is ever run."""

    async def cancel_all() -> None:
        ctx, waiting = api.context("admin"), ExecutionFilter(states=(State.PENDING,))
        while True:
            for row in await api.service.store.read(executions.page, waiting, Window(limit=100)):
                try:
                    await runs.cancel(ctx, row.id)
                except Conflict:
                    continue
            await asyncio.sleep(0.05)

    task = asyncio.create_task(cancel_all(), name="cancel what waits")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_no_request_gets_an_answer_that_the_document_does_not_have(tmp_path: Path) -> None:
    async with running(tmp_path / "service") as api, cancelling(api):
        command = ["run", f"{api.url}/openapi.json", "-H", f"Authorization: Bearer {api.token('admin')}"]
        command += [
            "--checks",
            "all",
            "--exclude-checks",
            LEFT_OUT,
            "--mode",
            "all",
            "--seed",
            SEED,
            "--max-examples",
            "25",
        ]
        command += ["--request-timeout", "20", "--continue-on-failure", "--no-color", "--warnings", "off"]
        command += ["--generation-database", "none", "--workers", "1", "--exclude-path", "/api/auth/logout"]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            *command,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            shown, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, shown.decode()
