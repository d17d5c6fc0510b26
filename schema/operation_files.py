"""Makes the list of known operations from a folder of .graphql files, and checks that each may run here."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    DefinitionNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from schema.documents import DocumentRefused, Documents
from schema.errors import TooComplex
from schema.limits import Limits
from schema.manifest import KnownOperation, hash_document

SUFFIXES = (".graphql", ".gql")
TYPENAME = "__typename"


class OperationRefused(Exception):
    """An operation cannot be in the list; the message says which one and why."""


class _Spreads(Visitor):
    """Collects the names of the fragments that a definition spreads."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)


class _Typenames(Visitor):
    """Adds `__typename` to every selection but an operation's own, as Apollo Client and urql do."""

    def leave_selection_set(
        self, node: SelectionSetNode, _key: Any, parent: Node | None, *_: Any
    ) -> SelectionSetNode | None:
        if isinstance(parent, OperationDefinitionNode) or any(_is_typename(each) for each in node.selections):
            return None
        added = FieldNode(name=NameNode(value=TYPENAME), arguments=(), directives=())
        return SelectionSetNode(selections=(*node.selections, added))


def _is_typename(node: Node) -> bool:
    return isinstance(node, FieldNode) and node.name.value.startswith("__")


def collect_operations(folder: Path, schema: GraphQLSchema, *, typenames: bool = False) -> list[KnownOperation]:
    """Return the operations of all .graphql and .gql files below the folder, by name. Raise OperationRefused.

    An operation takes the fragments that it spreads from its own file first, then from any other.
    """
    files = {path: _parse_file(path) for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES}
    shared = {name: node for document in files.values() for name, node in _find_fragments(document).items()}
    documents = Documents(schema, Limits())
    found: dict[str, KnownOperation] = {}
    for path, document in files.items():
        fragments = shared | _find_fragments(document)
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                made = _build_operation(node, fragments, path, typenames=typenames)
                if made.name in found:
                    raise OperationRefused(f"{path}: another file has an operation named {made.name} too: rename one")
                _check_operation(documents, made, str(path))
                found[made.name] = made
    if not found:
        raise OperationRefused(f"{folder}: there is no operation in it: give a folder with .graphql files")
    return [found[name] for name in sorted(found)]


def check_operations(operations: Iterable[KnownOperation], schema: GraphQLSchema) -> None:
    """Raise OperationRefused for the first operation that this schema or its limits refuse."""
    documents = Documents(schema, Limits())
    for each in operations:
        _check_operation(documents, each, f"operation {each.name}")


def _check_operation(documents: Documents, operation: KnownOperation, place: str) -> None:
    try:
        documents.get(operation.body, hide_suggestions=False)
    except (DocumentRefused, TooComplex) as error:
        said = error.errors[0].message if isinstance(error, DocumentRefused) else error.en
        raise OperationRefused(f"{place}: {' '.join(said.split())}") from None


def _parse_file(path: Path) -> DocumentNode:
    try:
        return parse(path.read_text(encoding="utf-8"), no_location=True)
    except GraphQLError as error:
        place = f", line {error.locations[0].line}" if error.locations else ""
        raise OperationRefused(f"{path}{place}: {error.message}") from None
    except UnicodeDecodeError:
        raise OperationRefused(f"{path}: must be text in UTF-8") from None


def _find_fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}


def _build_operation(
    node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode], path: Path, *, typenames: bool
) -> KnownOperation:
    if node.name is None:
        raise OperationRefused(f"{path}: an operation has no name: give it one, such as query ListTasks")
    definitions: list[DefinitionNode] = [*_list_spread_fragments(node, fragments), node]
    whole = DocumentNode(definitions=tuple(sorted(definitions, key=_sort_key)))
    body = print_ast(visit(whole, _Typenames()) if typenames else whole)
    return KnownOperation(hash_document(body), node.name.value, node.operation.value, body)


def _list_spread_fragments(
    node: Node, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FragmentDefinitionNode]:
    """List each fragment below the node once. One that is not there is left to validation, which names it."""
    waiting, seen = _list_spreads(node), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in fragments:
            continue
        seen.add(name)
        yield fragments[name]
        waiting += _list_spreads(fragments[name])


def _list_spreads(node: Node) -> list[str]:
    visitor = _Spreads()
    visit(node, visitor)
    return visitor.names


def _sort_key(node: Any) -> tuple[bool, str]:
    """Fragments first, each kind by name."""
    return isinstance(node, OperationDefinitionNode), node.name.value
