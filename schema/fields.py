"""Typed versions of Strawberry's field decorators, which lose the type of the function that they decorate."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar, cast

import strawberry

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def typed_field(gives: Any, description: str) -> Callable[[Resolver], Resolver]:
    """Make a field of the GraphQL type `gives`, whatever rows or values the function returns."""
    return cast("Callable[[Resolver], Resolver]", strawberry.field(description=description, graphql_type=gives))


def typed_subscription(gives: Any, description: str) -> Callable[[Resolver], Resolver]:
    """Make a subscription to events of the GraphQL type `gives`."""
    events = AsyncGenerator[gives, None]
    return cast("Callable[[Resolver], Resolver]", strawberry.subscription(description=description, graphql_type=events))
