"""Executes GraphQL requests for every transport: prepares the document, checks the caller's rights, executes it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationType,
    create_source_event_stream,
    execute_subscription_event,
    map_source_to_response_event,
)
from graphql.execution import Executor
from strawberry.execution import optimized_is_awaitable

from resolvers.errors import Forbidden, ServiceError, Unauthenticated
from schema.compiled.executor import CompiledExecutor
from schema.documents import Document, DocumentOperation, DocumentRefused, Documents
from schema.errors import NotAcceptable, NotAllowedHere, TooComplex, translate_error
from schema.limits import Limits, check_size, format_cost
from schema.operation import Operation
from schema.persisted import PersistedDocuments
from schema.request import GraphQLRequest

SIGN_IN = frozenset({"login", "refresh"})
INTROSPECTION = frozenset({"__schema", "__type"})
PUBLIC = SIGN_IN | {"__typename"}
SHORT_TEXT = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """A result. `refused`: nothing was executed, so there is no `data`. `cost`: that of a query or mutation."""

    data: dict[str, Any] | None = None
    errors: list[GraphQLError] = field(default_factory=list)
    refused: bool = False
    cost: Mapping[str, int] | None = None

    @property
    def code(self) -> str | None:
        """The code of the first error."""
        return str((self.errors[0].extensions or {}).get("code")) if self.errors else None

    def body(self) -> dict[str, Any]:
        """The answer as JSON to send."""
        errors = {"errors": [error.formatted for error in self.errors]} if self.errors else {}
        extensions = {"extensions": {"cost": self.cost}} if self.cost else {}
        return errors if self.refused else {**errors, "data": self.data, **extensions}


class Engine:
    """A schema with its documents and limits. `compiling`: plans execute what they can, graphql-core the rest.

    `persisted`: the documents that requests may name instead of sending them; by default none.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: Limits | None = None,
        *,
        introspection: bool = True,
        compiling: bool = True,
        persisted: PersistedDocuments | None = None,
    ) -> None:
        self._schema = schema._schema
        self._introspection = introspection
        self._compiling = compiling
        self._limits = limits or Limits()
        self._documents = Documents(self._schema, self._limits)
        self._persisted = persisted or PersistedDocuments()
        self._preparing = asyncio.Lock()

    async def run(self, asked: GraphQLRequest, operation: Operation) -> Answer | AsyncGenerator[Answer, None]:
        """Return the answer, or for a subscription that could begin its stream of answers."""
        try:
            asked = self._persisted.resolve(asked)
            executor, cost = await self._build_executor(asked, operation)
        except DocumentRefused as refusal:
            return build_refused_answer(refusal.errors, operation)
        except ServiceError as error:
            return build_refused_answer([GraphQLError(error.en, original_error=error)], operation)
        if operation.ctx.viewer is not None:
            self._persisted.register(asked)
        if executor.operation.operation is OperationType.SUBSCRIPTION:
            return await _subscribe(executor, operation)
        result: Any = executor.execute_operation()
        if executor.is_awaitable(result):
            result = await result
        changing = executor.operation.operation is OperationType.MUTATION
        return Answer(result.data, _translate_errors(result, operation, changing=changing), cost=cost)

    async def _build_executor(
        self, asked: GraphQLRequest, operation: Operation
    ) -> tuple[Executor[Any], Mapping[str, int]]:
        """Return an executor and the cost of what it does.

        Raise if the document is invalid, over the limits or not allowed to this viewer.
        """
        anonymous = operation.ctx.viewer is None
        document = await self._prepare_document(asked.query, operation)
        chosen = document.require_operation(asked.operation_name)
        if anonymous and not _allows_anonymous(chosen, asked):
            raise Unauthenticated()
        if not self._introspection and chosen.roots.keys() & INTROSPECTION:
            raise Forbidden("Introspection is switched off here.", "此服务已关闭内省查询。")
        _check_kind(chosen, asked.kinds)
        _check_sign_in(chosen)
        executor = CompiledExecutor.build(
            self._schema,
            document.node,
            context_value=operation,
            raw_variable_values=asked.variables,
            operation_name=asked.operation_name,
            is_awaitable=cast(Any, optimized_is_awaitable),
            hide_suggestions=anonymous,
            operation_extensions=None,
        )
        if isinstance(executor, list):
            raise DocumentRefused(executor)
        if self._compiling:
            cast(CompiledExecutor, executor).cache = chosen.plans
        cost = self._find_cost(document, chosen, executor)
        _count_changes(chosen, operation)
        return executor, cost

    async def _prepare_document(self, text: str, operation: Operation) -> Document:
        """Prepare a document. A new, long one takes up to 50 ms: one at a time, in a thread, beside other requests."""
        if (found := self._documents.find(text)) is not None:
            return found
        viewer = operation.ctx.viewer
        work = partial(self._documents.prepare, text, hide_suggestions=viewer is None)
        if len(text) <= SHORT_TEXT:
            return self._documents.store(text, work())
        taken: list[float] = []
        try:
            async with self._preparing:
                return self._documents.store(text, await asyncio.to_thread(_run_timed, work, taken.append))
        finally:
            rates, user_id = operation.ctx.service.rates, None if viewer is None else viewer.user_id
            rates.charge_work(user_id, operation.ctx.address, sum(taken))

    def _find_cost(self, document: Document, chosen: DocumentOperation, executor: Executor[Any]) -> Mapping[str, int]:
        """Return the cost with these variables; raise TooComplex if their page sizes bring it over a limit."""
        size = self._documents.measure_size(document, chosen, executor.variable_values.coerced)
        if chosen.page_variables:
            check_size(size, self._limits)
        return format_cost(size, self._limits)


def _run_timed(work: Callable[[], Document], note: Callable[[float], None]) -> Document:
    """Return what `work` returns, and call `note` with the CPU seconds of this thread that it took."""
    started = time.thread_time()
    try:
        return work()
    finally:
        note(time.thread_time() - started)


def _allows_anonymous(chosen: DocumentOperation, asked: GraphQLRequest) -> bool:
    """Tell whether an operation may run without a valid token.

    Only signing in may with a token that is not valid: clients send an expired one along.
    """
    roots = chosen.roots.keys()
    return roots <= PUBLIC and (not asked.bad_token or bool(roots & SIGN_IN))


def _check_sign_in(chosen: DocumentOperation) -> None:
    """Refuse documents that try more than one password: checking one takes a tenth of a second of CPU on purpose."""
    if sum(chosen.roots[name] for name in SIGN_IN) > 1:
        raise TooComplex("Sign in once in a request, not several times.", "一个请求只能登录一次。")


def _check_kind(chosen: DocumentOperation, kinds: Collection[OperationType]) -> None:
    kind = chosen.node.operation
    if kind not in kinds:
        raise NotAcceptable() if kind is OperationType.SUBSCRIPTION else NotAllowedHere()


def _count_changes(chosen: DocumentOperation, operation: Operation) -> None:
    """Count each root field of a mutation as one change; raise RateLimited if the viewer makes too many."""
    viewer = operation.ctx.viewer
    if chosen.node.operation is OperationType.MUTATION and viewer is not None:
        operation.ctx.service.rates.check_change(viewer.user_id, chosen.roots.total())


async def _subscribe(executor: Executor[Any], operation: Operation) -> Answer | AsyncGenerator[Answer, None]:
    source: Any = create_source_event_stream(executor)
    if executor.is_awaitable(source):
        source = await source
    if isinstance(source, ExecutionResult):
        return _build_answer(source, operation)
    return _stream_answers(executor, source, operation)


async def _stream_answers(executor: Executor[Any], source: Any, operation: Operation) -> AsyncGenerator[Answer, None]:
    """Yield an answer for each event, and a last one for an error that ends the stream early."""

    def execute(event: Executor[Any]) -> Any:
        operation.renew()
        return execute_subscription_event(event)

    try:
        async with aclosing(map_source_to_response_event(executor, source, execute)) as results:
            async for result in results:
                yield _build_answer(result, operation)
    except Exception as error:
        yield Answer(errors=[translate_error(GraphQLError(str(error), original_error=error), operation.ctx.language)])


def _build_answer(result: ExecutionResult, operation: Operation) -> Answer:
    return Answer(result.data, _translate_errors(result, operation))


def _translate_errors(result: ExecutionResult, operation: Operation, *, changing: bool = False) -> list[GraphQLError]:
    return [translate_error(error, operation.ctx.language, changing=changing) for error in result.errors or ()]


def build_refused_answer(errors: list[GraphQLError], operation: Operation) -> Answer:
    return Answer(errors=[translate_error(error, operation.ctx.language) for error in errors], refused=True)
