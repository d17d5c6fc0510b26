"""Waiting for a run to end by itself, or for a reason of ours to end it."""

import asyncio
from typing import Any

from db.values import Reason
from runner.output.buffer import OutputBuffer


async def until_ended(
    ending: "asyncio.Future[Any]", *, cancelled: asyncio.Event, sink: OutputBuffer, seconds: float
) -> Reason | None:
    """None when `ending` is done first; else why the run is to be stopped: cancel, output cap or `seconds` over."""
    waits = {
        Reason.CANCELLED: asyncio.create_task(cancelled.wait(), name="wait for cancel"),
        Reason.OUTPUT_LIMIT: asyncio.create_task(sink.overflowed.wait(), name="wait for output cap"),
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
