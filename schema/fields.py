"""Typed versions of Strawberry's field decorators, which lose the type of the function that they decorate."""

from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar, cast

import strawberry

from schema.operation import Info

Resolver = TypeVar("Resolver", bound=Callable[..., Any])

LOADED = "loaded by"
"""The name under which a field's metadata says which loader finds its objects."""
READS = "reads"
"""The name under which it says which columns of its row the field reads; without it, any of them."""


@dataclass(frozen=True, slots=True)
class LoadedBy:
    """A loader of the operation by its name, and what gives the key of an object; null for the key null.

    `reads` are the columns that the key is made of.
    """

    loader: str
    get_key: Callable[[Any], Any]
    reads: frozenset[str]


def typed_field(
    gives: Any, description: str, *, reads: Collection[str] | None = None
) -> Callable[[Resolver], Resolver]:
    """Make a field of the GraphQL type `gives`, whatever rows or values the function returns.

    `reads` are the columns that the function reads of its row, which may have no others; None for any.
    """
    metadata = {} if reads is None else {READS: frozenset(reads)}
    made = strawberry.field(description=description, graphql_type=gives, metadata=metadata)
    return cast("Callable[[Resolver], Resolver]", made)


def loaded_field(
    gives: Any, description: str, *, loader: str, key: str | Callable[[Any], Any], reads: Collection[str] = ()
) -> Any:
    """Make a field of what a loader finds for the key of an object: the name of its column, or a function of it.

    `reads` are the columns that such a function reads.
    """
    loaded = (
        LoadedBy(loader, attrgetter(key), frozenset({key}))
        if isinstance(key, str)
        else LoadedBy(loader, key, frozenset(reads))
    )

    def resolve(self: Any, info: Info) -> Any:
        found = loaded.get_key(self)
        if found is None:
            return None
        known = info.context.loaders.read_along.get(loader, {})
        return known[found] if found in known else getattr(info.context.loaders, loader).load(found)

    return strawberry.field(resolver=resolve, description=description, graphql_type=gives, metadata={LOADED: loaded})


def typed_subscription(
    gives: Any, description: str, *, deprecated: str | None = None
) -> Callable[[Resolver], Resolver]:
    """Make a subscription to events of the GraphQL type `gives`."""
    made = strawberry.subscription(
        description=description, graphql_type=AsyncGenerator[gives, None], deprecation_reason=deprecated
    )
    return cast("Callable[[Resolver], Resolver]", made)
