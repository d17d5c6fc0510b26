"""Hints between the parts of one process, "look again", and requests that one part makes of another.

Every hint may be lost; a poll repairs it: the table is the truth and a hint only wakes. A request has an answer, or
fails after its time. An address is a word such as `pending` or `execution:7`.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import orjson

Payload = Mapping[str, Any]
"""What JSON can carry, with keys of strings."""

Handler = Callable[[dict[str, Any]], Awaitable[Payload]]
"""Takes a request's payload and gives the answer's. What it raises is a mistake of ours: failures are answers too."""


class Unanswered(Exception):
    """Nobody was there to answer a request, or there was no answer within its time (`is_late`)."""

    def __init__(self, *, is_late: bool = False) -> None:
        super().__init__("no answer within the time" if is_late else "nobody is there to answer")
        self.is_late = is_late


class Watch:
    """One waiter's view of an address: set by any hint since `clear`."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def clear(self) -> None:
        self._event.clear()

    def set(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return on a hint, or after `seconds` without one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class Answerer:
    """Who answers the requests to one address: a task for each, until it is closed."""

    def __init__(self, address: str, handler: Handler) -> None:
        self._name = f"answer {address}"
        self._handler = handler
        self._tasks: set[asyncio.Task[dict[str, Any]]] = set()

    async def answer(self, payload: Payload) -> dict[str, Any]:
        """Raises Unanswered when it is closed meanwhile. Whoever stops waiting ends the work on their request."""
        task = asyncio.create_task(self._handle(_copy_as_json(payload)), name=self._name)
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if asker is not None and asker.cancelling():
                raise
            raise Unanswered from None
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        for task in (tasks := tuple(self._tasks)):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _handle(self, payload: dict[str, Any]) -> dict[str, Any]:
        return _copy_as_json(await self._handler(payload))


class Bus:
    """Hints and requests within one process and one event loop."""

    def __init__(self) -> None:
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._answerers: dict[str, Answerer] = {}

    @contextmanager
    def watch(self, address: str) -> Iterator[Watch]:
        watch = Watch()
        self._watches[address].add(watch)
        try:
            yield watch
        finally:
            self._watches[address].discard(watch)
            if not self._watches[address]:
                del self._watches[address]

    def hint(self, *addresses: str) -> None:
        """Wake whoever watches one of `addresses`."""
        for address in addresses:
            for watch in tuple(self._watches.get(address, ())):
                watch.set()

    async def ask(self, address: str, payload: Payload, *, seconds: float) -> dict[str, Any]:
        """The answer of who is at this address. Raises Unanswered, at once if nobody is there."""
        answerer = self._answerers.get(address)
        if answerer is None:
            raise Unanswered
        try:
            async with asyncio.timeout(seconds):
                return await answerer.answer(payload)
        except TimeoutError:
            raise Unanswered(is_late=True) from None

    @asynccontextmanager
    async def answering(self, address: str, handler: Handler) -> AsyncIterator[None]:
        """Have `handler` answer the requests to this address. At the end, those still open are Unanswered."""
        answerer = self._answerers[address] = Answerer(address, handler)
        try:
            yield
        finally:
            if self._answerers.get(address) is answerer:
                del self._answerers[address]
            await answerer.close()


def _copy_as_json(payload: Payload) -> dict[str, Any]:
    """As it arrives: also within one process nothing gets through that another process would not get."""
    carried: dict[str, Any] = orjson.loads(orjson.dumps(payload))
    return carried


PENDING = "pending"
EXECUTIONS = "executions"
CANCELS = "cancels"
SCHEDULE = "schedule"
SLOTS = "slots"


def user_address(user_id: int) -> str:
    """Hints that what the user may do has changed."""
    return f"user:{user_id}"


def execution_address(execution_id: int) -> str:
    return f"execution:{execution_id}"
