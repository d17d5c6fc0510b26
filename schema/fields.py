"""Strawberry's field decorators, typed: its own lose the type of what they decorate."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar, cast

import strawberry

Resolver = TypeVar("Resolver", bound=Callable[..., Any])


def typed_field(gives: Any, description: str) -> Callable[[Resolver], Resolver]:
    """A field of the type `gives`, for a function that gives rows or values which are seen as that type."""
    return cast("Callable[[Resolver], Resolver]", strawberry.field(description=description, graphql_type=gives))


def typed_subscription(gives: Any, description: str) -> Callable[[Resolver], Resolver]:
    """A subscription to events of the type `gives`."""
    events = AsyncGenerator[gives, None]
    return cast("Callable[[Resolver], Resolver]", strawberry.subscription(description=description, graphql_type=events))
