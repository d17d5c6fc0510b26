"""Documents, parsed, measured and validated once a text."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)

from schema.errors import DocumentInvalid, TooComplex
from schema.limits import Limits, Measure, Size, check, fragments_of

MOST_DOCUMENTS = 512
LONGEST_KEPT = 16 * 1024
MOST_ERRORS = 20


class Refused(Exception):
    """The document was not executed; the errors say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document that is within the limits."""

    node: DocumentNode
    operations: Mapping[str | None, "DocumentOperation"]

    def operation(self, name: str | None) -> "DocumentOperation":
        """The operation of this name; without a name, the only one."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise DocumentInvalid("The document has several operations: say which with operationName.")
        if name not in self.operations:
            raise DocumentInvalid(f"The document has no operation named {name[:100]}.")
        return self.operations[name]


@dataclass(frozen=True, slots=True)
class DocumentOperation:
    """An operation, the names of its root fields, how many they are, and whether its size depends on its variables."""

    node: OperationDefinitionNode
    roots: frozenset[str]
    root_count: int
    sized_by_variable: bool


class Documents:
    """Valid documents by their text, the least recently used dropped past 512."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str, *, hide_suggestions: bool) -> Document:
        """The document; Refused or TooComplex when it is not one that may run."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        made = self._prepared(text, hide_suggestions=hide_suggestions)
        if len(text) <= LONGEST_KEPT:
            self._kept[text] = made
            if len(self._kept) > MOST_DOCUMENTS:
                self._kept.popitem(last=False)
        return made

    def size(self, document: Document, operation: DocumentOperation, variables: Mapping[str, Any]) -> Size:
        return Measure(self._schema, fragments_of(document.node), variables).operation(operation.node)

    def _prepared(self, text: str, *, hide_suggestions: bool) -> Document:
        node = self._parsed(text)
        fragments = fragments_of(node)
        operations = [item for item in node.definitions if isinstance(item, OperationDefinitionNode)]
        if len(operations) > self._limits.operations:
            most = self._limits.operations
            raise TooComplex(f"The document has more than {most} operations.", f"查询包含超过 {most} 个操作。")
        measured = {item.name.value if item.name else None: self._measured(item, fragments) for item in operations}
        if errors := validate(self._schema, node, max_errors=MOST_ERRORS, hide_suggestions=hide_suggestions):
            raise Refused(errors)
        return Document(node, measured)

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self._limits.tokens)
        except GraphQLError as error:
            if "more than" in error.message:
                most = self._limits.tokens
                raise TooComplex(f"The document has more than {most} tokens.", f"查询超过 {most} 个词元。") from None
            if "nested too deeply" in error.message:
                raise nested_too_deeply() from None
            raise Refused([error]) from None

    def _measured(
        self, node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> DocumentOperation:
        measure = Measure(self._schema, fragments, {})
        try:
            check(measure.operation(node), self._limits)
            count = root_count(node.selection_set, fragments, {})
        except RecursionError:
            raise nested_too_deeply() from None
        roots = root_fields(node.selection_set, fragments)
        return DocumentOperation(node, roots, count, measure.sized_by_variable)


def nested_too_deeply() -> TooComplex:
    return TooComplex("The document is nested too deeply.", "查询嵌套过深。")


def root_fields(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> frozenset[str]:
    """The names of the fields at the top, each fragment looked into once."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [selections]
    while todo:
        for node in todo.pop().selections:
            if isinstance(node, FieldNode):
                found.add(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                todo.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                todo.extend([fragments[node.name.value].selection_set] if node.name.value in fragments else [])
    return frozenset(found)


def root_count(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, int]
) -> int:
    """How many fields are at the top, those of a fragment as often as it is spread; each is counted once."""
    count = 0
    for node in selections.selections:
        if isinstance(node, FieldNode):
            count += 1
        elif isinstance(node, InlineFragmentNode):
            count += root_count(node.selection_set, fragments, known)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in known:
                known[name] = 0  # a cycle adds nothing; validation refuses it
                if name in fragments:
                    known[name] = root_count(fragments[name].selection_set, fragments, known)
            count += known[name]
    return count
