"""The root fields of the schema, each with the shortest document that uses it."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_composite_type,
)

from schema.build import build_schema
from schema.node_ids import format_node_id

SCHEMA = build_schema()._schema
SAMPLES = {"ID": '"999999"', "String": '"x"', "Int": "1", "Long": "1", "Float": "0", "Boolean": "true"}
NODE_ID = f'"{format_node_id("Task", 999_999)}"'
# It ends the session that the other fields are tried with.
LAST = "logout"


def root_fields() -> Iterator[tuple[str, str, GraphQLField]]:
    """The kind of operation, the name and the field, for each; what ends the session comes last."""
    roots = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type, "subscription": SCHEMA.subscription_type}
    found = [(kind, name, field) for kind, root in roots.items() if root for name, field in root.fields.items()]
    yield from sorted(found, key=lambda item: item[1] == LAST)


def document(kind: str, name: str, field: GraphQLField) -> str:
    """The shortest document that uses the field."""
    given = ", ".join(
        f"{arg}: {NODE_ID if arg == 'nodeId' else sample(item.type)}"
        for arg, item in field.args.items()
        if needed(item.type)
    )
    named: Any = field.type
    while isinstance(named, GraphQLNonNull | GraphQLList):
        named = named.of_type
    below = " { __typename }" if is_composite_type(named) else ""
    return f"{kind} {{ {name}{f'({given})' if given else ''}{below} }}"


def needed(kind: Any) -> bool:
    return isinstance(kind, GraphQLNonNull)


def sample(kind: Any) -> str:
    """A literal of the type: of an input object, what must be given."""
    if isinstance(kind, GraphQLNonNull):
        return sample(kind.of_type)
    if isinstance(kind, GraphQLList):
        return "[]"
    if isinstance(kind, GraphQLEnumType):
        return str(next(iter(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        given = {name: field.type for name, field in kind.fields.items() if needed(field.type)}
        if kind.extensions["strawberry-definition"].is_one_of:
            given = dict([next((name, field.type) for name, field in kind.fields.items())])
        return "{" + ", ".join(f"{name}: {sample(item)}" for name, item in given.items()) + "}"
    return SAMPLES[kind.name]
