"""Measures in one pass how much a document asks for. A fragment is measured once, however often it is spread.

So the work is linear in the text, whatever it would expand to. Strawberry's own limiters walk every spread again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from schema.errors import TooComplex

PAGE_ARGUMENTS = frozenset({"first", "last", "pageSize"})
USUAL_PAGE = 20
LARGEST_PAGE = 100
# What a slice of output counts for: it takes several reads of its own.
SLICE_OBJECTS = 10
# What a search of output counts for, with the lines that it finds.
SEARCH_OBJECTS = 100
SEARCHES = frozenset({"OutputMatches", "OutputSearch"})
# What an alias within introspection counts for: it repeats lists of the whole schema.
INTROSPECTION_ALIAS = 5
LARGEST_SHOWN = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one document. Introspection has its own: the query that tools send is deeper and longer."""

    tokens: int = 1000
    operations: int = 10
    depth: int = 8
    fields: int = 200
    aliases: int = 15
    objects: int = 10_000
    introspection_depth: int = 15
    introspection_fields: int = 1000


@dataclass(frozen=True, slots=True)
class Size:
    """The depth, fields, aliases and objects of a selection once all fragments are expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    objects: int = 0
    introspection_depth: int = 0
    introspection_fields: int = 0

    def combine(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.objects + other.objects,
            max(self.introspection_depth, other.introspection_depth),
            self.introspection_fields + other.introspection_fields,
        )

    def nest(self, *, aliased: bool, times: int) -> "Size":
        """Return the size of this selection under one more field that returns `times` objects; 0 for a value."""
        return Size(
            self.depth + 1,
            self.fields + 1,
            self.aliases + aliased,
            times * (1 + self.objects),
            self.introspection_depth,
            self.introspection_fields,
        )

    @property
    def cost(self) -> int:
        """The cost of the document: the objects that its answer may hold, pages counted in full."""
        return self.objects

    def nest_in_introspection(self, *, aliased: bool) -> "Size":
        depth, fields = self.introspection_depth + 1, self.introspection_fields + 1
        aliases = self.aliases + INTROSPECTION_ALIAS * aliased
        return Size(self.depth, self.fields, aliases, self.objects, depth, fields)


@dataclass(slots=True)
class Measure:
    """One measuring of one operation. `steps` counts the work; `page_variables`: those that the size depends on."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    steps: int = 0
    page_variables: set[str] = field(default_factory=set)
    _known: dict[str, Size] = field(default_factory=dict)

    def measure_operation(self, node: OperationDefinitionNode) -> Size:
        return self._measure_selections(node.selection_set, self.schema.get_root_type(node.operation))

    def _measure_selections(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Size:
        total = Size()
        for selection in selections.selections if selections else ():
            self.steps += 1
            total = total.combine(self._measure_selection(selection, parent))
        return total

    def _measure_selection(self, node: SelectionNode, parent: GraphQLNamedType | None) -> Size:
        if isinstance(node, FieldNode):
            return self._measure_field(node, parent)
        if isinstance(node, FragmentSpreadNode):
            return self._measure_fragment(node.name.value)
        assert isinstance(node, InlineFragmentNode)
        condition = node.type_condition
        return self._measure_selections(
            node.selection_set, self.schema.get_type(condition.name.value) if condition else parent
        )

    def _measure_fragment(self, name: str) -> Size:
        if name not in self._known:
            # A cycle adds nothing here; validation refuses it.
            self._known[name] = Size()
            fragment = self.fragments.get(name)
            if fragment is not None:
                condition = self.schema.get_type(fragment.type_condition.name.value)
                self._known[name] = self._measure_selections(fragment.selection_set, condition)
        return self._known[name]

    def _measure_field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        kind = self._find_type(node, parent)
        below = self._measure_selections(node.selection_set, kind)
        aliased = node.alias is not None
        if (kind is not None and kind.name.startswith("__")) or (parent is not None and parent.name.startswith("__")):
            return below.nest_in_introspection(aliased=aliased)
        return below.nest(aliased=aliased, times=self._count_objects(node, kind))

    def _find_type(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLNamedType | None:
        """Return the type of the field; None for a field that does not exist, which validation refuses."""
        if parent is None or not is_composite_type(parent):
            return None
        found = self.schema.get_field(parent, node.name.value)
        return None if found is None else get_named_type(found.type)

    def _count_objects(self, node: FieldNode, kind: GraphQLNamedType | None) -> int:
        if not is_composite_type(kind):
            return 0
        if kind.name == "OutputSlice":
            return SLICE_OBJECTS
        if kind.name in SEARCHES:
            return SEARCH_OBJECTS
        if kind.name == "OutputGroupConnection":
            return max(SLICE_OBJECTS, self._read_page_size(node))
        return self._read_page_size(node) if kind.name.endswith("Connection") else 1

    def _read_page_size(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value in PAGE_ARGUMENTS:
                return clamp_page_size(self._read_number(argument.value))
        return USUAL_PAGE

    def _read_number(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            self.page_variables.add(node.name.value)
            return self.variables.get(node.name.value)
        return int(node.value) if isinstance(node, IntValueNode) and len(node.value) < LARGEST_PAGE else None


def clamp_page_size(number: Any) -> int:
    """Return the page size within bounds. One that is out of bounds is refused later, where it is used."""
    return min(max(number, 1), LARGEST_PAGE) if type(number) is int else USUAL_PAGE


def find_fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)}


def check_size(size: Size, limits: Limits) -> None:
    """Raise TooComplex if a number is over its limit. Where that is the objects, the error has the cost as well."""
    for name in Size.__slots__:
        found, most = getattr(size, name), getattr(limits, name)
        if found > most:
            # A number of thousands of digits is not worth printing.
            shown = str(found) if found < LARGEST_SHOWN else f"over {LARGEST_SHOWN}"
            words = name.replace("_", " ")
            raise TooComplex(
                f"The document asks for too much at once: {words} {shown}, where the most is {most}.",
                f"查询一次请求的内容过多：{words} 为 {shown}，上限为 {most}。",
                cost=format_cost(size, limits) if name == "objects" else None,
            )


def format_cost(size: Size, limits: Limits) -> dict[str, int]:
    """Return what `extensions.cost` shows: the document's cost, the most that one may cost, and the difference."""
    asked = min(size.cost, LARGEST_SHOWN)
    return {"asked": asked, "limit": limits.objects, "left": max(0, limits.objects - asked)}
