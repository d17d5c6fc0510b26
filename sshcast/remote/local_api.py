"""Runs the same GraphQL against this machine's database, in this process: where no service was ever signed in to."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from resolvers.context import Context
from schema.build import build_schema
from schema.engine import Answer as EngineAnswer
from schema.engine import Engine
from schema.operation import Operation
from schema.request import GraphQLRequest
from sshcast.app import open_service
from sshcast.commands import local
from sshcast.data_folder import FolderBusy
from sshcast.remote.api import GraphQLAnswer
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings
from sshcast.words import is_chinese

T = TypeVar("T")


class LocalApi:
    """The API of the database of this machine, for the user that `--as` names; a runner works while it is open.

    As no other process is spoken to, what was asked for is never unknown.
    """

    place = "the database of this machine"
    is_local = True

    def __init__(self, settings: Settings, run_as: str | None = None) -> None:
        self._settings = settings
        self._run_as = run_as
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._engine = Engine(build_schema())
        self._ctx: Context | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_waiting = self._is_interrupted = False

    def __enter__(self) -> Self:
        try:
            self._ctx = self._runner.run(self._open())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._close()

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        found = self._wait(self._run(document, variables))
        if not isinstance(found, EngineAnswer):
            raise TypeError("a subscription was executed as a query")
        return GraphQLAnswer(found.body()).read(self.place)

    def subscribe(self, document: str, variables: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        found = self._wait(self._run(document, variables))
        if isinstance(found, EngineAnswer):
            yield GraphQLAnswer(found.body()).read(self.place)
            return
        try:
            while (answer := self._wait(_take(found))) is not None:
                yield GraphQLAnswer(answer.body()).read(self.place)
        finally:
            self._wait(found.aclose())

    def interrupt(self) -> None:
        """Cancel only what is waited for: raised within the event loop, it could hit any part of the service."""
        if not self._is_waiting:
            raise KeyboardInterrupt
        self._is_interrupted = True
        if self._task is not None:
            self._task.cancel()
        self._runner.get_loop().call_soon_threadsafe(lambda: None)  # so that the loop notices it

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the work's result; the service's own tasks go on meanwhile. If it is interrupted, its result is lost.

        Where nothing handles SIGINT, the loop does, in the same way.
        """
        self._is_interrupted, self._is_waiting = False, True
        try:
            found = self._runner.run(self._do(work))
        except asyncio.CancelledError:
            if not self._is_interrupted:
                raise
        finally:
            self._is_waiting, self._task = False, None
        if self._is_interrupted:
            raise KeyboardInterrupt
        return found

    async def _do(self, work: Coroutine[Any, Any, T]) -> T:
        self._task = asyncio.current_task()
        if self._is_interrupted:
            work.close()
            raise asyncio.CancelledError
        return await work

    async def _open(self) -> Context:
        service = await self._stack.enter_async_context(open_service(self._settings))
        ctx = await local.load_context(service, self._run_as)
        ctx = replace(ctx, language="zh" if is_chinese() else "en")
        with suppress(FolderBusy):  # another process serves this data folder, and will do the work
            await self._stack.enter_async_context(start_runner(service, self._settings))
        return ctx

    async def _run(
        self, document: str, variables: Mapping[str, Any] | None
    ) -> EngineAnswer | AsyncGenerator[EngineAnswer, None]:
        assert self._ctx is not None, "it is not open"
        asked = GraphQLRequest(document, dict(variables or {}))
        return await self._engine.run(asked, Operation(self._ctx))

    def _close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()


async def _take(answers: AsyncGenerator[EngineAnswer, None]) -> EngineAnswer | None:
    return await anext(answers, None)
