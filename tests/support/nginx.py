"""A real nginx, started with the configuration of a test."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


def find_nginx() -> str:
    """Where it is; the test is skipped on a machine without it, but not in CI."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no nginx on this machine: apt-get install nginx-light", pytrace=False)
        pytest.skip("no nginx on this machine")
    return found


@asynccontextmanager
async def serve(config: Path, *options: str, port: int) -> AsyncIterator[None]:
    """nginx with this configuration, listening on this port, until the block ends."""
    given = ("-p", str(config.parent), "-c", str(config), *options)
    process = await asyncio.create_subprocess_exec(find_nginx(), *given)
    try:
        await _wait_until_listening(port, process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _wait_until_listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(15):
        while True:
            assert process.returncode is None, "nginx did not start"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return
