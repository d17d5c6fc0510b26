"""Lets Ctrl-C interrupt waiting at once, and never in the middle of something that is to be done once and whole."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from sshcast.remote.api import Api


@dataclass(slots=True)
class Interrupts:
    """What becomes of SIGINT: KeyboardInterrupt, but at the end of a block of `hold`. A second one does not wait."""

    _is_held: bool = False
    _is_pending: bool = False

    @contextmanager
    def catch(self, api: Api) -> Iterator[None]:
        """Handle SIGINT during the block, which is in the main thread; a local API's event loop does so by itself."""
        if api.is_local:
            yield
            return
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let a first SIGINT wait for the end of the block."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_held and not self._is_pending:
            self._is_pending = True
            return
        raise KeyboardInterrupt
