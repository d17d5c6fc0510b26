"""Lets Ctrl-C interrupt waiting at once, and never in the middle of something that is to be done once and whole."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from sshcast.remote.api import Api


@dataclass(slots=True)
class Interrupts:
    """What becomes of SIGINT: it waits for the next block of `allow`, where it is a KeyboardInterrupt at once.

    A second one does not wait. `_is_held` is false before `catch`, so that `hold` alone changes nothing.
    """

    _is_held: bool = False
    _is_pending: bool = False

    @property
    def has_come(self) -> bool:
        """Tell whether one is waiting."""
        return self._is_pending

    @contextmanager
    def catch(self, api: Api) -> Iterator[None]:
        """Handle SIGINT during the block, which is in the main thread. One that still waits at the end is forgotten."""
        self._is_held = True
        before = signal.signal(signal.SIGINT, partial(self._handle, api))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._is_held = self._is_pending = False

    @contextmanager
    def allow(self) -> Iterator[None]:
        """Raise KeyboardInterrupt during the block, of `catch`, as soon as a signal comes, or if one has come."""
        self._is_held = False
        try:
            self._raise_pending()
            yield
        finally:
            self._is_held = True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let a first signal wait for the end of the block, which is in one of `allow`."""
        before, self._is_held = self._is_held, True
        try:
            yield
        finally:
            self._is_held = before
        if not before:
            self._raise_pending()

    def _raise_pending(self) -> None:
        if self._is_pending:
            self._is_held, self._is_pending = True, False
            raise KeyboardInterrupt

    def _handle(self, api: Api, number: int, frame: object) -> None:
        if self._is_held and not self._is_pending:
            self._is_pending = True
            return
        self._is_held, self._is_pending = True, False  # so that what comes while this one is dealt with waits
        api.interrupt()
