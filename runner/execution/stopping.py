"""Waits for a run to end or for a reason to stop it, and ends its remaining processes."""

import asyncio
from typing import Any

from db.values import Reason
from runner.output.buffer import OutputBuffer
from runner.remote import verify
from runner.ssh.protocol import ConnectFailed, ShellSource


async def until_ended(
    ending: "asyncio.Future[Any]", *, cancelled: asyncio.Event, output: OutputBuffer, seconds: float
) -> Reason | None:
    """Return None if `ending` is done first, else the reason to stop: cancel, output limit, or `seconds` over."""
    waits = {
        Reason.CANCELLED: asyncio.create_task(cancelled.wait(), name="wait for cancel"),
        Reason.OUTPUT_LIMIT: asyncio.create_task(output.overflowed.wait(), name="wait for output cap"),
    }
    try:
        await asyncio.wait({ending, *waits.values()}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            return None
        return next((reason for reason, wait in waits.items() if wait.done()), Reason.TIMEOUT)
    finally:
        for wait in waits.values():
            wait.cancel()
        await asyncio.wait(waits.values())


async def end_marked_processes(shells: ShellSource, mark: str, pid: str = "-") -> verify.Leftovers:
    """End marked processes; nothing is known of them if the server gives no shell."""
    try:
        return await verify.end_marked(shells, mark, pid)
    except ConnectFailed:
        return verify.Leftovers(None)
