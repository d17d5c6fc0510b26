"""Plans: how to read what a selection asks of objects, all objects of a list at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from db.picked import PickedRow, PickedValues
from resolvers.paging import WantedRows
from schema.compiled.columns import (
    Column,
    build_leaf_completer,
    complete_list,
    complete_present,
    complete_required,
    require_alike,
)
from schema.compiled.objects import Maker, build_maker
from schema.compiled.reads import build_wanted
from schema.compiled.run import Gap, LoadedColumn, PlanRun, ResolvedColumn, WaitingColumn, complete_read_along
from schema.fields import LOADED, LoadedBy

PICKED = frozenset({"executions"})
"""The root fields whose pages read only what is selected, and what that refers to in the same read."""

Completer = Callable[[Column, PlanRun], Column]
Reader = Callable[[Column, PlanRun, PickedValues | None], Column | None]
"""Gives a completed column; None if it has to be awaited. The values are those of rows of chosen columns."""
Waiter = Callable[[Column], WaitingColumn]


class Plans:
    """The plans of one operation, for one choice of what @skip and @include leave. Each is made when first used."""

    def __init__(self, roots: dict[str, FieldDetailsList]) -> None:
        self.roots = roots
        self._made: dict[tuple[int, str], ObjectPlan] = {}
        self._wanted: list[WantedRows | None] = []
        # Plans are found by the identity of a field group, so each group is held for as long as they are.
        self._groups: dict[int, FieldDetailsList] = {}
        self.add_groups(roots.values())

    def add_groups(self, groups: Iterable[FieldDetailsList]) -> None:
        self._groups.update((id(group), group) for group in groups)

    def find_wanted(self, executor: Executor[Any], root: GraphQLObjectType) -> WantedRows | None:
        """Return what the only root field has to read, if it is a page that can be read so."""
        if not self._wanted:
            self._wanted.append(self._build_wanted(executor, root))
        return self._wanted[0]

    def _build_wanted(self, executor: Executor[Any], root: GraphQLObjectType) -> WantedRows | None:
        groups = [group for group in self.roots.values() if group[0].node.name.value != "__typename"]
        if len(groups) != 1:
            return None
        (group,) = groups
        name = group[0].node.name.value
        return build_wanted(executor, root.fields[name], group) if name in PICKED else None

    def find(self, kind: GraphQLObjectType, group: FieldDetailsList) -> "ObjectPlan | None":
        """Return the plan of what a field group selects of a type; None if graphql-core executes it."""
        if not self._covers(kind, group):
            return None
        key = (id(group), kind.name)
        if (found := self._made.get(key)) is None:
            found = self._made[key] = ObjectPlan(self, kind, group)
        return found

    def find_list(self, kind: GraphQLList[GraphQLOutputType], group: FieldDetailsList) -> Completer | None:
        """Return what completes lists of objects; None if graphql-core does."""
        inner = kind.of_type.of_type if isinstance(kind.of_type, GraphQLNonNull) else kind.of_type
        return self.build_completer(kind, group) if self._covers(inner, group) else None

    def build_completer(self, kind: GraphQLOutputType, group: FieldDetailsList) -> Completer | None:
        """Return what completes a column of a type; None if only graphql-core can."""
        if is_leaf_type(kind):
            leaf = build_leaf_completer(kind)
            return lambda values, run: leaf(values)
        if isinstance(kind, GraphQLObjectType):
            plan = ObjectPlan(self, kind, group) if _is_planned(kind) else None
            return (
                None if plan is None else lambda values, run: complete_present(values, lambda all: plan.run(all, run))
            )
        if not isinstance(kind, GraphQLNonNull | GraphQLList):
            return None
        inner = self.build_completer(kind.of_type, group)
        if inner is None:
            return None
        if isinstance(kind, GraphQLNonNull):
            return lambda values, run: complete_required(inner(values, run))
        return lambda values, run: complete_list(values, lambda all: inner(all, run))

    def _covers(self, kind: GraphQLOutputType, group: FieldDetailsList) -> bool:
        return _is_planned(kind) and id(group) in self._groups


def _is_planned(kind: GraphQLOutputType) -> bool:
    """Tell whether there are plans for a type: for our objects, but those that have to be told from others."""
    return isinstance(kind, GraphQLObjectType) and kind.is_type_of is None and not kind.name.startswith("__")


class Attribute:
    """Reads an attribute by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._get = attrgetter(name)

    def __call__(self, source: Any) -> Any:
        return self._get(source)


@dataclass(slots=True)
class ObjectPlan:
    """What a field group selects of an object type. The fields are planned when the first object is there."""

    plans: Plans
    kind: GraphQLObjectType
    group: FieldDetailsList
    _readers: dict[str, Reader] = field(default_factory=dict)
    _waiters: dict[str, Waiter] = field(default_factory=dict)
    _make: Maker | None = None

    def run(self, sources: Column, run: PlanRun) -> Column:
        """Return a dict for each object, in which columns that are awaited have their place."""
        kind = require_alike(sources)
        picked = PickedValues(kind, sources) if issubclass(kind, PickedRow) else None
        if self._make is None:
            self._make = self._plan_fields(run)
        columns, waiting = [], []
        for name, read in self._readers.items():
            values = read(sources, run, picked)
            if values is None:
                waiting.append(name)
                values = [None] * len(sources)
            columns.append(values)
        found: Column = self._make(columns) if columns else [{} for _ in sources]  # all that was selected is skipped
        for name in waiting:
            run.wait(Gap(self._waiters[name](sources), name, found))
        return found

    def _plan_fields(self, run: PlanRun) -> Maker:
        groups = run.executor.collect_subfields(self.kind, self.group).grouped_field_set
        self.plans.add_groups(groups.values())
        self._readers = {name: self._build_reader(run, name, group) for name, group in groups.items()}
        return build_maker(list(self._readers))

    def _build_reader(self, run: PlanRun, name: str, group: FieldDetailsList) -> Reader:
        """Return what reads a field. What may have to be awaited is noted."""
        named = group[0].node.name.value
        if named == "__typename":
            return lambda sources, run, picked: [self.kind.name] * len(sources)
        definition = run.executor.schema.get_field(self.kind, named)
        assert definition is not None
        complete = self.plans.build_completer(definition.type, group)
        if complete is not None and (get := _find_getter(definition)) is not None:
            return _build_attribute_reader(get, complete, definition)
        if complete is not None and (loaded := _find_loader(definition)) is not None:
            self._waiters[name] = lambda sources: LoadedColumn(loaded, sources, complete)
            return lambda sources, run, picked: complete_read_along(loaded, sources, complete, run)
        self._waiters[name] = lambda sources: ResolvedColumn(self.kind, group, name, sources)
        return lambda sources, run, picked: None


def _build_attribute_reader(get: Callable[[Any], Any], complete: Completer, definition: GraphQLField) -> Reader:
    """Return what reads an attribute. In rows of chosen columns a column is read at once, and times as texts."""
    name = get.name if isinstance(get, Attribute) else ""
    shows_time = get_named_type(definition.type).name == "DateTime"
    required = isinstance(definition.type, GraphQLNonNull)

    def read(sources: Column, run: PlanRun, picked: PickedValues | None) -> Column:
        if picked is None or not picked.has(name):
            return complete(list(map(get, sources)), run)
        if shows_time and picked.is_time(name):
            return complete_required(picked.show_times(name)) if required else picked.show_times(name)
        return complete(picked.read(name), run)

    return read


def _get_definition(field: GraphQLField) -> StrawberryField | None:
    found = field.extensions.get("strawberry-definition")
    return found if isinstance(found, StrawberryField) and not found.extensions and not field.args else None


def _find_loader(field: GraphQLField) -> LoadedBy | None:
    definition = _get_definition(field)
    return None if definition is None else definition.metadata.get(LOADED)


def _find_getter(field: GraphQLField) -> Callable[[Any], Any] | None:
    """Return what reads the field from one object: its attribute, or a plain function of it alone.

    A field that has permissions, extensions or arguments, is async or asks for its context is graphql-core's.
    """
    definition = _get_definition(field)
    if definition is None or definition.permission_classes:
        return None
    resolver = definition.base_resolver
    if resolver is None:
        return Attribute(definition.python_name)
    alone = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
    return cast("Callable[[Any], Any]", resolver.wrapped_func) if alone and not definition.is_async else None
