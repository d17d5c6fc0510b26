"""What a selection reads of rows: the columns of each kind, and the rows that they refer to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, get_named_type, is_leaf_type
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from db.nested import KINDS, Nested
from db.picked import Columns
from resolvers.paging import WantedRows
from schema.fields import LOADED, READS, LoadedBy

PAGES = frozenset({"nodes", "edges", "node"})
"""The fields by which a connection shows the rows of its page."""


class NotKnown(Exception):
    """A selection of which it is not known what it reads."""


@dataclass(slots=True)
class Selection:
    """What is selected of rows. `columns` is None once a field is selected that may read any column."""

    columns: set[str] | None = field(default_factory=set)
    loaded: list[tuple[LoadedBy, "Selection"]] = field(default_factory=list)

    def add(self, names: Columns) -> None:
        self.columns = None if names is None or self.columns is None else self.columns | names


def build_wanted(executor: Executor[Any], root: GraphQLField, group: FieldDetailsList) -> WantedRows | None:
    """Return what a page of rows at a root field has to read; None if that is not known.

    The rows of a kind are shared by all places that refer to them, so all have what any of these selects.
    """
    kind = get_named_type(root.type)
    shown, walk = Selection(), Walk(executor)
    try:
        walk.add_page(kind, group, shown)
    except NotKnown:
        return None
    return WantedRows(None if shown.columns is None else frozenset(shown.columns), list(walk.build_nested(shown)))


class Walk:
    """Goes through all that is selected below a root field."""

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor
        self._shared: dict[str, Selection] = {}

    def add_page(self, kind: GraphQLNamedType, group: FieldDetailsList, shown: Selection) -> None:
        """Add what a connection selects of its rows."""
        for name, definition, inner in self._list_fields(kind, group):
            below = get_named_type(definition.type)
            if name in {"node", "nodes"}:
                self._add_rows(below, inner, shown)
            elif name == "edges":
                self.add_page(below, inner, shown)

    def build_nested(self, shown: Selection) -> Iterator[Nested]:
        for loaded, below in shown.loaded:
            if loaded.loader in KINDS:
                columns = self._shared[loaded.loader].columns
                names = None if columns is None else frozenset(columns)
                yield Nested(loaded.loader, loaded.get_key, names, list(self.build_nested(below)))

    def _add_rows(self, kind: GraphQLNamedType, group: FieldDetailsList, shown: Selection) -> None:
        for _, definition, inner in self._list_fields(kind, group):
            ours = definition.extensions.get("strawberry-definition")
            if not isinstance(ours, StrawberryField):
                raise NotKnown()
            loaded = ours.metadata.get(LOADED)
            below = Selection()
            if loaded is not None:
                shown.add(loaded.reads)
                shown.loaded.append((loaded, below))
            else:
                shown.add(_find_columns(ours))
            named = get_named_type(definition.type)
            if not is_leaf_type(named):
                self._add_below(named, inner, below)
            if loaded is not None:
                self._shared.setdefault(loaded.loader, Selection()).add(
                    None if below.columns is None else frozenset(below.columns)
                )

    def _add_below(self, kind: GraphQLNamedType, group: FieldDetailsList, shown: Selection) -> None:
        if isinstance(kind, GraphQLObjectType) and PAGES & kind.fields.keys():
            self.add_page(kind, group, shown)
        else:
            self._add_rows(kind, group, shown)

    def _list_fields(
        self, kind: GraphQLNamedType, group: FieldDetailsList
    ) -> Iterator[tuple[str, GraphQLField, FieldDetailsList]]:
        if not isinstance(kind, GraphQLObjectType):
            raise NotKnown()
        for inner in self._executor.collect_subfields(kind, group).grouped_field_set.values():
            name = inner[0].node.name.value
            if name == "__typename":
                continue
            definition = self._executor.schema.get_field(kind, name)
            if definition is None:
                raise NotKnown()
            yield name, definition, inner


def _find_columns(ours: StrawberryField) -> Columns:
    """Return the columns that a field reads of its object; None if it may read any."""
    if ours.base_resolver is None:
        return frozenset({ours.python_name})
    found: Columns = ours.metadata.get(READS)
    return found
