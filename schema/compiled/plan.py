"""Plans: how to read what a selection asks of objects, all objects of a list at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, cast

from graphql import GraphQLField, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLOutputType, is_leaf_type
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from schema.compiled.columns import (
    Column,
    build_leaf_completer,
    check_all_plain,
    complete_list,
    complete_present,
    complete_required,
)
from schema.compiled.run import Gap, LoadedColumn, PlanRun, ResolvedColumn, WaitingColumn
from schema.fields import LOADED, LoadedBy

Completer = Callable[[Column, PlanRun], Column]
Waiter = Callable[[Column], WaitingColumn]


class Plans:
    """The plans of one operation, for one choice of what @skip and @include leave. Each is made when first used."""

    def __init__(self, roots: dict[str, FieldDetailsList]) -> None:
        self.roots = roots
        self._made: dict[tuple[int, str], ObjectPlan] = {}
        # Plans are found by the identity of a field group, so each group is held for as long as they are.
        self._groups: dict[int, FieldDetailsList] = {}
        self.add_groups(roots.values())

    def add_groups(self, groups: Iterable[FieldDetailsList]) -> None:
        self._groups.update((id(group), group) for group in groups)

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


@dataclass(slots=True)
class ObjectPlan:
    """What a field group selects of an object type. The fields are planned when the first object is there."""

    plans: Plans
    kind: GraphQLObjectType
    group: FieldDetailsList
    _readers: dict[str, Completer] = field(default_factory=dict)
    _waiters: dict[str, Waiter] = field(default_factory=dict)

    def run(self, sources: Column, run: PlanRun) -> Column:
        """Return a dict for each object, in which columns that are awaited have their place."""
        check_all_plain(sources)
        if not self._readers:
            self._plan_fields(run)
        readers = self._readers
        columns = [read(sources, run) for read in readers.values()]
        if not columns:
            return [{} for _ in sources]  # all that was selected is skipped
        found: Column = [dict(zip(readers, values, strict=True)) for values in zip(*columns, strict=True)]
        for name, build in self._waiters.items():
            run.wait(Gap(build(sources), name, found))
        return found

    def _plan_fields(self, run: PlanRun) -> None:
        groups = run.executor.collect_subfields(self.kind, self.group).grouped_field_set
        self.plans.add_groups(groups.values())
        readers = {}
        for name, group in groups.items():
            readers[name] = self._build_reader(run, name, group) or _leave_empty
        self._readers = readers

    def _build_reader(self, run: PlanRun, name: str, group: FieldDetailsList) -> Completer | None:
        """Return what reads a field; None if it may have to be awaited, which is noted."""
        named = group[0].node.name.value
        if named == "__typename":
            return lambda sources, run: [self.kind.name] * len(sources)
        definition = run.executor.schema.get_field(self.kind, named)
        assert definition is not None
        complete = self.plans.build_completer(definition.type, group)
        if complete is not None and (get := _find_getter(definition)) is not None:
            return lambda sources, run: complete(list(map(get, sources)), run)
        if complete is not None and (loaded := _find_loader(definition)) is not None:
            self._waiters[name] = lambda sources: LoadedColumn(loaded, sources, complete)
        else:
            self._waiters[name] = lambda sources: ResolvedColumn(self.kind, group, name, sources)
        return None


def _leave_empty(sources: Column, run: PlanRun) -> Column:
    return [None] * len(sources)


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
        return attrgetter(definition.python_name)
    alone = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
    return cast("Callable[[Any], Any]", resolver.wrapped_func) if alone and not definition.is_async else None
