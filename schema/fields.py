"""Typed versions of Strawberry's field decorators, which lose the type of the function that they decorate."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar, cast

import strawberry

from schema.operation import Info

Resolver = TypeVar("Resolver", bound=Callable[..., Any])

LOADED = "loaded by"
"""The name under which a field's metadata says which loader finds its objects."""


@dataclass(frozen=True, slots=True)
class LoadedBy:
    """A loader of the operation by its name, and what gives the key of an object; null for the key null."""

    loader: str
    get_key: Callable[[Any], Any]


def typed_field(gives: Any, description: str) -> Callable[[Resolver], Resolver]:
    """Make a field of the GraphQL type `gives`, whatever rows or values the function returns."""
    return cast("Callable[[Resolver], Resolver]", strawberry.field(description=description, graphql_type=gives))


def loaded_field(gives: Any, description: str, *, loader: str, key: str | Callable[[Any], Any]) -> Any:
    """Make a field of what a loader finds for the key of an object: the name of its column, or a function of it."""
    loaded = LoadedBy(loader, attrgetter(key) if isinstance(key, str) else key)

    def resolve(self: Any, info: Info) -> Any:
        found = loaded.get_key(self)
        return None if found is None else getattr(info.context.loaders, loader).load(found)

    return strawberry.field(resolver=resolve, description=description, graphql_type=gives, metadata={LOADED: loaded})


def typed_subscription(gives: Any, description: str) -> Callable[[Resolver], Resolver]:
    """Make a subscription to events of the GraphQL type `gives`."""
    events = AsyncGenerator[gives, None]
    return cast("Callable[[Resolver], Resolver]", strawberry.subscription(description=description, graphql_type=events))
