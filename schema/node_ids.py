"""Ids that are unique among the objects of all types: `nodeId`, in URL-safe base64 of the type's name and the id.

The field `id` is a number of its type, so a server and a task may both have the id 1. Caches that know objects by one
id alone, such as Relay's, use `nodeId`.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

import strawberry
from strawberry import ID

from resolvers.errors import Invalid
from schema.fields import typed_field
from schema.ids import MOST_DIGITS, parse_id

Kind = TypeVar("Kind", bound=type)
LONGEST = 100
DESCRIPTION = "An id that no other object has, of whichever type. `node` finds the object by it."


@strawberry.interface(description="An object with an id of its own.")
class Node:
    node_id: ID = strawberry.field(description=DESCRIPTION)

    @classmethod
    def resolve_type(cls, source: Any, *_: Any) -> str:
        """Tell the type of what `Query.node` found."""
        return str(source.type_name)


def node_type(*, description: str, name: str | None = None) -> Callable[[Kind], Kind]:
    """Make an object type with an id of its own, of a subclass of Node. It has a nodeId."""

    def make(cls: Kind) -> Kind:
        shown = name or cls.__name__
        build = typed_field(ID, DESCRIPTION, reads=["id"])
        cls.node_id = build(_build_reader(shown))  # type: ignore[attr-defined]
        return strawberry.type(cls, name=shown, description=description)

    return make


def _build_reader(type_name: str) -> Callable[[Any], str]:
    write = partial(format_node_id, type_name)

    def read_node_id(self: Any) -> str:
        return write(self.id)

    return read_node_id


def format_node_id(type_name: str, id: int) -> str:
    return urlsafe_b64encode(f"{type_name}:{id}".encode()).decode().rstrip("=")


def parse_node_id(given: ID, type_names: Collection[str]) -> tuple[str, int]:
    """Return the name of the type, one of these, and the id; raise Invalid if it is no nodeId."""
    text = str(given)
    try:
        padded = text + "=" * (-len(text) % 4)
        type_name, _, id = urlsafe_b64decode(padded[:LONGEST].encode("ascii")).decode("ascii").partition(":")
        found = type_name, parse_id("node_id", ID(id[: MOST_DIGITS + 1]))
    except (ValueError, Invalid):
        raise _build_error() from None
    if format_node_id(*found) != text or type_name not in type_names:
        raise _build_error()
    return found


def _build_error() -> Invalid:
    return Invalid(
        "node_id", "is not a nodeId: take it from an object's nodeId.", "不是有效的 nodeId：请使用对象的 nodeId。"
    )
