"""The event loop of a service: uvloop where it is installed, which has wheels for common platforms, else asyncio's."""

import asyncio
from collections.abc import Callable

try:
    import uvloop
except ImportError:
    LOOP_FACTORY: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    LOOP_FACTORY = uvloop.new_event_loop


def find_loop_name() -> str:
    """Return the package of the running event loop: `uvloop` or `asyncio`."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]
