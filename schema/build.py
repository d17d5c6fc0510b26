"""Builds the GraphQL schema and prints it."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema, is_object_type, lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from schema.event_stream import AuditRecorded, ExecutionEvent, FleetRunEvent, ServerEvent, SlotEvent, TaskEvent
from schema.events import OutputChunk, OutputEnd, StateChange
from schema.mutation import Mutation
from schema.node_ids import Node
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.user_errors import (
    CommandRefused,
    InputInvalid,
    ObjectConflict,
    ObjectNotFound,
    ScheduleInvalid,
    ServersRefused,
    ServerUnreachable,
    SignInRefused,
)


@cache
def build_schema() -> strawberry.Schema:
    """Return the schema, which is built once and holds no state."""
    made = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            OutputChunk,
            StateChange,
            OutputEnd,
            ExecutionEvent,
            SlotEvent,
            TaskEvent,
            ServerEvent,
            FleetRunEvent,
            AuditRecorded,
            InputInvalid,
            ObjectNotFound,
            ObjectConflict,
            ServerUnreachable,
            SignInRefused,
            ScheduleInvalid,
            CommandRefused,
            ServersRefused,
        ],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    _use_plain_resolvers(made._schema)
    _plan_nodes(made._schema)
    return made


def _use_plain_resolvers(schema: GraphQLSchema) -> None:
    """Let fields without a resolver read the attribute directly: Strawberry's own way costs four calls a value."""
    for kind in schema.type_map.values():
        for field in kind.fields.values() if isinstance(kind, GraphQLObjectType) else ():
            if getattr(field.resolve, "_is_default", False):
                field.resolve = _build_attribute_resolver(field.extensions["strawberry-definition"].python_name)


def _plan_nodes(schema: GraphQLSchema) -> None:
    """Ask no row which node it is: only `Query.node` gives nodes of several types, and says which."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and [each.name for each in kind.interfaces] == [Node.__name__]:
            kind.is_type_of = None


def _build_attribute_resolver(name: str) -> Callable[..., Any]:
    read = attrgetter(name)

    def resolve(source: Any, info: Any) -> Any:
        return read(source)

    return resolve


def format_schema() -> str:
    """Return the SDL, sorted but for arguments, which keep their order, with a final newline."""
    schema = build_schema()._schema
    made = lexicographic_sort_schema(schema)
    for kind in filter(is_object_type, made.type_map.values()):
        declared: Any = schema.type_map[kind.name]
        for name, field in kind.fields.items():
            field.args = {argument: field.args[argument] for argument in declared.fields[name].args}
    return print_schema(made) + "\n"
