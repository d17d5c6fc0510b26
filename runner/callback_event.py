"""An event that also calls back: a task that only waits for an event costs 20 us of CPU, a callback almost nothing."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CallbackEvent(asyncio.Event):
    """An event that is set once. Callbacks must not raise."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[Callable[[], object]] = []

    def set(self) -> None:
        was_set = self.is_set()
        super().set()
        if not was_set:
            for callback in tuple(self._callbacks):
                callback()

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Call back when the event is set during the block, or at once if it is set already."""
        self._callbacks.append(callback)
        try:
            if self.is_set():
                callback()
            yield
        finally:
            self._callbacks.remove(callback)
