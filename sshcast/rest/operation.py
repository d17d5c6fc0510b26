"""An operation of REST: its route, and what the OpenAPI document says of it, in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_origin

from starlette.routing import Route
from typing_extensions import get_type_hints

from db.values import Role
from sshcast.http.answers import Handler, catch_errors
from sshcast.rest.parameters import PATH_ID, Parameter

JSON = "application/json"
ALWAYS = ("INVALID", "FORBIDDEN", "RATE_LIMITED", "INTERNAL", "UNAVAILABLE")
"""The codes of errors with which almost every operation may answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error. `contents` has a type, or a JSON schema, for each media type; none without a body."""

    description: str
    contents: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. `errors`: the codes of errors that do not follow from what else is said here.

    `role` is what the caller needs on some server; None if no token is asked for. `body` is a TypedDict.
    """

    method: str
    path: str
    id: str
    tag: str
    handler: Handler
    summary: str
    answers: Mapping[int, Answer]
    description: str = ""
    role: Role | None = Role.NONE
    parameters: tuple[Parameter, ...] = ()
    body: type | None = None
    body_required: bool = True
    errors: tuple[str, ...] = ()
    always: tuple[str, ...] = ALWAYS

    def build_route(self) -> Route:
        return Route(self.path, catch_errors(self.handler), methods=[self.method])

    @property
    def is_public(self) -> bool:
        return self.role is None

    def list_error_codes(self) -> list[str]:
        """Return the codes of all errors with which it may answer."""
        found = [*self.always, *self.errors]
        found += [] if self.is_public else ["UNAUTHENTICATED"]
        found += [] if PATH_ID.name not in self.path_names else ["NOT_FOUND"]
        found += [] if self.body is None else ["TOO_LARGE"]
        return list(dict.fromkeys(found))

    @property
    def path_names(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


def answer_json(kind: Any, description: str = "Done.") -> dict[int, Answer]:
    """Return the one answer of an operation that answers with JSON of this type."""
    return {200: Answer(description, {JSON: kind})}


def list_body_fields(body: Any) -> dict[str, type]:
    """Return the fields of a body as `http.body` reads them: each with the class of its values."""
    return {name: _find_class(hint) for name, hint in get_type_hints(body).items()}


def _find_class(hint: Any) -> type:
    found: Any = get_origin(hint)
    if found is Literal:
        return str
    return hint if found is None else found  # type: ignore[no-any-return]
