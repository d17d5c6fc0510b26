"""Waits for a run to end or for a reason to stop it, and ends its remaining processes."""

import asyncio
from typing import Any

from db.values import Reason
from runner.callback_event import CallbackEvent
from runner.output.buffer import OutputBuffer
from runner.remote import verify
from runner.ssh.protocol import ConnectFailed, ShellSource


async def until_ended(
    ending: "asyncio.Future[Any]", *, cancelled: CallbackEvent, output: OutputBuffer, seconds: float
) -> Reason | None:
    """Return None if `ending` is done first, else the reason to stop: cancel, output limit, or `seconds` over."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[None] = loop.create_future()

    def settle(*_: object) -> None:
        if not found.done():
            found.set_result(None)

    ending.add_done_callback(settle)
    timer = loop.call_later(seconds, settle)
    try:
        with cancelled.calling(settle), output.overflowed.calling(settle):
            await found
    finally:
        timer.cancel()
        ending.remove_done_callback(settle)
    if ending.done():
        return None
    if cancelled.is_set():
        return Reason.CANCELLED
    return Reason.OUTPUT_LIMIT if output.overflowed.is_set() else Reason.TIMEOUT


async def end_marked_processes(shells: ShellSource, mark: str, pid: str = "-") -> verify.Leftovers:
    """End marked processes; nothing is known of them if the server gives no shell."""
    try:
        return await verify.end_marked(shells, mark, pid)
    except ConnectFailed:
        return verify.Leftovers(None)
