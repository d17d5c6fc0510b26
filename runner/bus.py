"""The bus of one process: hints that only wake, and requests that get an answer.

A hint may be lost; polling makes up for it, because the table is the truth. A request is answered, or fails when its
time is over. An address is a word such as `pending` or `execution:7`.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import orjson

Payload = Mapping[str, Any]
"""A JSON object."""

Handler = Callable[[dict[str, Any]], Awaitable[Payload]]
"""Answers one request. It returns failures as answers too; an exception is a bug."""


class Unanswered(Exception):
    """No handler is registered for the address, or it gave no answer in time (`is_late`)."""

    def __init__(self, *, is_late: bool = False) -> None:
        super().__init__("no answer within the time" if is_late else "nobody is there to answer")
        self.is_late = is_late


class Watch:
    """One waiter's subscription to an address: set by any hint since `clear`.

    `value` is the newest value that was published to the address since the watch began, if any. It may be older than
    the table, where another process writes too.
    """

    __slots__ = ("_event", "value")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.value: object = None

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def clear(self) -> None:
        self._event.clear()

    def set(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a hint, at most `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class Answerer:
    """Runs the handler of one address, with a task for each request, until it is closed."""

    def __init__(self, address: str, handler: Handler) -> None:
        self._name = f"answer {address}"
        self._handler = handler
        self._tasks: set[asyncio.Task[dict[str, Any]]] = set()

    async def answer(self, payload: Payload) -> dict[str, Any]:
        """Answer one request. Cancelling the caller cancels the handler. Raises Unanswered if closed meanwhile."""
        task = asyncio.create_task(self._handle(_copy_as_json(payload)), name=self._name)
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
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
    """Hints and requests inside one process and one event loop."""

    def __init__(self) -> None:
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._answerers: dict[str, Answerer] = {}

    @contextmanager
    def watch(self, *addresses: str) -> Iterator[Watch]:
        watch = Watch()
        for address in addresses:
            self._watches[address].add(watch)
        try:
            yield watch
        finally:
            for address in addresses:
                self._watches[address].discard(watch)
                if not self._watches[address]:
                    del self._watches[address]

    def is_watched(self, address: str) -> bool:
        """Return whether anybody in this process watches the address now."""
        return address in self._watches

    def hint(self, *addresses: str) -> None:
        """Wake all watches of these addresses."""
        for address in addresses:
            for watch in tuple(self._watches.get(address, ())):
                watch.set()

    def publish(self, address: str, value: object) -> None:
        """Wake all watches of the address, and hand them a value that its writer has committed."""
        for watch in tuple(self._watches.get(address, ())):
            watch.value = value
            watch.set()

    async def ask(self, address: str, payload: Payload, *, seconds: float) -> dict[str, Any]:
        """Send a request and return its answer. Raises Unanswered: at once without a handler, or after `seconds`."""
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
        """Let `handler` answer requests to the address inside the block; at its end, open ones raise Unanswered."""
        answerer = self._answerers[address] = Answerer(address, handler)
        try:
            yield
        finally:
            if self._answerers.get(address) is answerer:
                del self._answerers[address]
            await answerer.close()


def _copy_as_json(payload: Payload) -> dict[str, Any]:
    """Copy a payload through JSON, so that it holds only what a bus between processes could carry."""
    carried: dict[str, Any] = orjson.loads(orjson.dumps(payload))
    return carried


PENDING = "pending"
EXECUTIONS = "executions"
FOLLOW_UPS = "follow-ups"
FLEET_RUNS = "fleet-runs"
CANCELS = "cancels"
SCHEDULE = "schedule"
SLOTS = "slots"


def user_address(user_id: int) -> str:
    """Return the address of hints that the user's rights have changed."""
    return f"user:{user_id}"


def execution_address(execution_id: int) -> str:
    """Return the address of hints that the execution's row has changed."""
    return f"execution:{execution_id}"


def output_address(execution_id: int) -> str:
    """Return the address of hints that more of the execution's output is stored."""
    return f"output:{execution_id}"


def fleet_address(fleet_run_id: int) -> str:
    """Return the address of hints that more output of the fleet run's executions is stored."""
    return f"fleet:{fleet_run_id}"
