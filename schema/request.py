"""A GraphQL request as a transport read it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from graphql import OperationType

ALL_KINDS = frozenset(OperationType)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A request as it came in. With `bad_token` it had a token that is not valid, so the caller is anonymous.

    `document_id` names a persisted document; then `query` may be empty.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    kinds: Collection[OperationType] = ALL_KINDS
    bad_token: bool = False
    document_id: str | None = None
