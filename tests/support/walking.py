"""Documents that ask for everything: every field of every object, as deep as there is something new to see."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

from schema.build import build_schema
from schema.node_ids import format_node_id

SCHEMA = build_schema()._schema
NODE: Any = SCHEMA.type_map["Node"]
DEEP = 3
SHALLOW = 1
REQUIRED = {"command": '"df"', "cronExpr": '"@daily"', "pattern": '"v"'}
REQUIRED["input"] = '{work: {command: {command: "df"}}, selector: {nameContains: ""}}'

Visited = set[str]


def selection(kind: Any, visited: Visited, depth: int) -> str:
    """All fields of a type; objects within them to `depth` levels. `visited` gets the names of all."""
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        parts = [f"... on {each.name} {selection(each, visited, depth)}" for each in SCHEMA.get_possible_types(kind)]
        return "{ __typename " + " ".join(parts) + " }"
    words = ["__typename"]
    for name, field in kind.fields.items():
        below = get_named_type(field.type)
        if is_composite_type(below) and depth == 0:
            continue
        visited.add(f"{kind.name}.{name}")
        # An interface's parts may give one name to fields of different types.
        needed = {arg: REQUIRED[arg] for arg, given in field.args.items() if is_required_argument(given)}
        asked = f"{name}({told(needed)})" if needed else name
        words.append(f"{asked} {selection(below, visited, depth - 1)}" if is_composite_type(below) else asked)
    return "{ " + " ".join(words) + " }"


def node_documents(visited: Visited, ids: list[int]) -> Iterator[str]:
    """`Query.node` for an object of each type with each id."""
    visited |= {"Query.node", "Node.nodeId"}
    for kind in SCHEMA.get_possible_types(NODE):
        shown = f"{{ nodeId ... on {kind.name} {selection(kind, visited, SHALLOW)} }}"
        yield from (f'{{ node(nodeId: "{format_node_id(kind.name, id)}") {shown} }}' for id in ids)


def documents(visited: Visited, ids: list[int], word: str) -> Iterator[str]:
    """Each query once as it is, and once for each argument and part of a filter that could name something hidden."""
    assert SCHEMA.query_type is not None
    yield from node_documents(visited, ids)
    for name, field in SCHEMA.query_type.fields.items():
        if get_named_type(field.type) is NODE:
            continue
        visited.add(f"Query.{name}")
        below = get_named_type(field.type)
        deep, shallow = (f" {selection(below, visited, depth)}" for depth in (DEEP, SHALLOW))
        for given in variants(field, ids, word):
            plain = not any(text in given for text in (word, *map(str, ids)))
            yield f"{{ {name}{f'({given})' if given else ''}{deep if plain else shallow} }}"


def variants(field: GraphQLField, ids: list[int], word: str) -> Iterator[str]:
    needed = {name: REQUIRED.get(name) for name, arg in field.args.items() if isinstance(arg.type, GraphQLNonNull)}
    fixed = {name: value for name, value in needed.items() if value is not None}
    if None not in needed.values():
        yield told(fixed)
    for name, arg in field.args.items():
        for value in values(get_named_type(arg.type), ids, word):
            if name not in ("after", "before", "timezone", *fixed):
                yield told(fixed | {name: value})


def values(kind: Any, ids: list[int], word: str) -> Iterator[str]:
    """Literals of this type that name something hidden."""
    if isinstance(kind, GraphQLInputObjectType) and not any(map(is_required_input_field, kind.fields.values())):
        for name, field in kind.fields.items():
            yield from (f"{{{name}: {value}}}" for value in values(get_named_type(field.type), ids, word))
    elif kind.name == "ID":
        yield from (f'"{id}"' for id in ids)
    elif kind.name == "String":
        yield f'"{word}"'


def told(given: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in given.items())


def fields_of_objects() -> set[str]:
    """Every field of every object type, but GraphQL's own."""
    kinds = [kind for kind in SCHEMA.type_map.values() if isinstance(kind, GraphQLObjectType)]
    return {f"{kind.name}.{name}" for kind in kinds if not kind.name.startswith("__") for name in kind.fields}
