"""Runs the coroutine of a command."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def run(
    work: Coroutine[Any, Any, int | None], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> int:
    """Run the command to its end, and return its exit status."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(work) or 0
