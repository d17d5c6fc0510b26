"""Limits the sessions of one server that wait for a shell's answer: one, unless its shells answer promptly.

Without a limit, a server whose sessions hang would collect a hung shell for each run.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from runner.ssh.handshake import build_no_answer
from runner.ssh.protocol import ConnectFailed

TRUST_SECONDS = 2.0
OVERDUE_SECONDS = 1.0


def _now() -> float:
    return asyncio.get_running_loop().time()


def _copy_error(error: ConnectFailed) -> ConnectFailed:
    """Copy the error for another waiter, without the output of a session that was not theirs."""
    return ConnectFailed(error.reason, error.detail, passing=error.passing, at_jump=error.at_jump)


@dataclass(slots=True, eq=False)
class Opening:
    """A session whose shell has not answered yet."""

    began: float = field(default_factory=_now)


@dataclass(slots=True, eq=False)
class SessionGate:
    """Admits waiters in order. Times are those of the loop's clock."""

    _answered_at: float = float("-inf")
    _failed_at: float = float("-inf")
    _failure: ConnectFailed | None = None
    _openings: list[Opening] = field(default_factory=list)
    _waiting: deque["asyncio.Future[Opening]"] = field(default_factory=deque)

    async def enter(self, seconds: float, since: float = float("inf")) -> Opening:
        """Wait for permission to open a session; `settle` ends it. Raises ConnectFailed if there is none in time.

        A waiter that wanted one `since` before the last failure, no longer than `seconds` ago, gets that failure.
        """
        if self._failure is not None and since < self._failed_at > _now() - seconds:
            raise _copy_error(self._failure)
        waiter: asyncio.Future[Opening] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._serve()
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            self._forget(waiter)
            raise build_no_answer(seconds) from None
        except asyncio.CancelledError:
            self._forget(waiter)
            raise

    def settle(self, opening: Opening, *, answered: bool) -> None:
        """End an opening: its shell has answered, or was given up."""
        self._openings.remove(opening)
        if answered:
            self._answered_at = _now()
        self._serve()

    def fail(self, error: ConnectFailed) -> None:
        """Fail all waiters at once, rather than each at its own time limit: no shell answers there."""
        self._failure, self._failed_at = error, _now()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(_copy_error(error))

    @property
    def _is_open(self) -> bool:
        if not self._openings:
            return True
        now = _now()
        is_overdue = now - self._openings[0].began > OVERDUE_SECONDS
        return now - self._answered_at < TRUST_SECONDS and not is_overdue

    def _serve(self) -> None:
        while self._waiting and self._is_open:
            waiter = self._waiting.popleft()
            if not waiter.done():
                opening = Opening()
                self._openings.append(opening)
                waiter.set_result(opening)

    def _forget(self, waiter: "asyncio.Future[Opening]") -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.cancelled() and waiter.exception() is None:
            self.settle(waiter.result(), answered=False)
