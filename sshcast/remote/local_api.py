"""Runs the same GraphQL against this machine's database, in this process: where no service was ever signed in to."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

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
from sshcast.remote.words import is_chinese
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings


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
        found = self._runner.run(self._run(document, variables))
        if not isinstance(found, EngineAnswer):
            raise TypeError("a subscription was executed as a query")
        return GraphQLAnswer(found.body()).read(self.place)

    def subscribe(self, document: str, variables: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        found = self._runner.run(self._run(document, variables))
        if isinstance(found, EngineAnswer):
            yield GraphQLAnswer(found.body()).read(self.place)
            return
        try:
            while (answer := self._runner.run(_take(found))) is not None:
                yield GraphQLAnswer(answer.body()).read(self.place)
        finally:
            self._runner.run(found.aclose())

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
