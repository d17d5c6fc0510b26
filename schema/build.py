"""The schema, put together, and its printed form."""

from functools import cache

import strawberry
from graphql import lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from schema.events import OutputChunk, OutputEnd, StateChange
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.user_errors import (
    CommandRefused,
    InputInvalid,
    ObjectConflict,
    ObjectNotFound,
    ScheduleInvalid,
    SignInRefused,
)


@cache
def build_schema() -> strawberry.Schema:
    """Made once; it holds no state."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            OutputChunk,
            StateChange,
            OutputEnd,
            InputInvalid,
            ObjectNotFound,
            ObjectConflict,
            SignInRefused,
            ScheduleInvalid,
            CommandRefused,
        ],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def printed() -> str:
    """The SDL, sorted, with a final newline."""
    return print_schema(lexicographic_sort_schema(build_schema()._schema)) + "\n"
