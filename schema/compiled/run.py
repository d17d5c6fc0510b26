"""One run of a plan: the columns that have to be awaited, level by level."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from graphql import GraphQLObjectType
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path

from schema.compiled.columns import Column, Unplanned
from schema.fields import LoadedBy


class WaitingColumn(Protocol):
    """A column of which `awaitables` have to be awaited between `start` and `finish`."""

    awaitables: list[Awaitable[Any]]

    def start(self, run: "PlanRun") -> None: ...

    def finish(self, run: "PlanRun", awaited: list[Any]) -> Column: ...


@dataclass(frozen=True, slots=True)
class Gap:
    """Where a column belongs once it is there: under `name` in each of `objects`."""

    column: WaitingColumn
    name: str
    objects: Column

    def fill(self, values: Column) -> None:
        for shown, value in zip(self.objects, values, strict=True):
            shown[self.name] = value


class PlanRun:
    """Runs one plan. `executor` executes the fields that are not planned; an error there fails the whole run."""

    def __init__(self, executor: Executor[Any]) -> None:
        self.executor = executor
        self.waiting: list[Gap] = []

    def wait(self, gap: Gap) -> None:
        """Start a column, and fill it in at once if there is nothing to await."""
        self.waiting.append(gap)
        gap.column.start(self)
        if not gap.column.awaitables:
            self.waiting.remove(gap)
            gap.fill(gap.column.finish(self, []))

    async def settle(self) -> None:
        """Await all columns of a level at once, so that what they load is batched, then those that these lead to."""
        while self.waiting:
            level, self.waiting = self.waiting, []
            found = await asyncio.gather(*chain(*(gap.column.awaitables for gap in level)), return_exceptions=True)
            if any(isinstance(each, BaseException) for each in found):
                raise Unplanned()
            rest = iter(found)
            for gap in level:
                gap.fill(gap.column.finish(self, [next(rest) for _ in gap.column.awaitables]))
            self.check()

    def check(self) -> None:
        if self.executor.collected_errors.errors:
            raise Unplanned()

    def abandon(self) -> None:
        """Let what was started end by itself: graphql-core executes it all again."""
        if left := list(chain(*(gap.column.awaitables for gap in self.waiting))):
            self.executor.settle_in_background(left)


def complete_read_along(
    loaded: LoadedBy, sources: Column, complete: Callable[[Column, PlanRun], Column], run: PlanRun
) -> Column | None:
    """Complete what was read along with the objects, each thing once; return None if a part was not read."""
    known = run.executor.context_value.loaders.read_along.get(loaded.loader)
    if known is None:
        return None
    keys = list(map(loaded.get_key, sources))
    distinct = dict.fromkeys(keys)
    distinct.pop(None, None)
    if not known.keys() >= distinct.keys():
        return None
    if len(distinct) == len(keys):
        return complete(list(map(known.__getitem__, keys)), run)
    table = dict(zip(distinct, complete(list(map(known.__getitem__, distinct)), run), strict=True)) if distinct else {}
    if None in keys:
        (table[None],) = complete([None], run)
    return list(map(table.__getitem__, keys))


@dataclass(eq=False, slots=True)
class LoadedColumn:
    """A column of what a loader finds for a key of each object. What several objects refer to is completed once."""

    loaded: LoadedBy
    sources: Column
    complete: Callable[[Column, PlanRun], Column]
    awaitables: list[Awaitable[Any]] = field(default_factory=list)
    _keys: Column = field(default_factory=list)
    _distinct: dict[Any, None] = field(default_factory=dict)

    def start(self, run: PlanRun) -> None:
        self._keys = list(map(self.loaded.get_key, self.sources))
        self._distinct = dict.fromkeys(key for key in self._keys if key is not None)
        if self._distinct:
            loader = getattr(run.executor.context_value.loaders, self.loaded.loader)
            self.awaitables.append(loader.load_many(self._distinct))

    def finish(self, run: PlanRun, awaited: list[Any]) -> Column:
        found = [*chain(*awaited)]
        table = dict(zip(self._distinct, self.complete(found, run) if found else (), strict=True))
        if len(table) < len(set(self._keys)):
            (table[None],) = self.complete([None], run)
        return [table[key] for key in self._keys]


@dataclass(eq=False, slots=True)
class ResolvedColumn:
    """A column that graphql-core executes, field by field. Its path is only in errors, which fail the run."""

    kind: GraphQLObjectType
    group: FieldDetailsList
    name: str
    sources: Column
    awaitables: list[Awaitable[Any]] = field(default_factory=list)
    _values: Column = field(default_factory=list)

    def start(self, run: PlanRun) -> None:
        path = Path(None, self.name, self.kind.name)
        for source in self.sources:
            value = run.executor.execute_field(self.kind, source, self.group, path, None)
            self._values.append(value)
            if run.executor.is_awaitable(value):
                self.awaitables.append(value)

    def finish(self, run: PlanRun, awaited: list[Any]) -> Column:
        if not awaited:
            return self._values
        rest = iter(awaited)
        return [next(rest) if run.executor.is_awaitable(value) else value for value in self._values]
