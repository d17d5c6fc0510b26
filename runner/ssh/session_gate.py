"""How many sessions of one server may wait for their shell's answer: one, unless its shells answer right now.

A server whose sessions hang would else collect a hung shell for each run.
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
    """For somebody else: what was printed was not printed in a session of theirs."""
    return ConnectFailed(error.reason, error.detail)


@dataclass(slots=True, eq=False)
class Opening:
    """A session whose shell has not answered yet."""

    began: float = field(default_factory=_now)


@dataclass(slots=True, eq=False)
class SessionGate:
    """Who waits is served first come, first served. Times are the loop's."""

    _answered_at: float = float("-inf")
    _failed_at: float = float("-inf")
    _failure: ConnectFailed | None = None
    _openings: list[Opening] = field(default_factory=list)
    _waiting: deque["asyncio.Future[Opening]"] = field(default_factory=deque)

    async def enter(self, seconds: float, since: float = float("inf")) -> Opening:
        """Wait for leave to open a session; `settle` it. Raises ConnectFailed when there is none in time.

        Who has wanted one `since` before the last one was given up, no longer than `seconds` ago, hears of that too.
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
        """Its shell has answered, or it is given up."""
        self._openings.remove(opening)
        if answered:
            self._answered_at = _now()
        self._serve()

    def fail(self, error: ConnectFailed) -> None:
        """No shell answers there: those who wait for one hear of it now, not one time limit after the other."""
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
