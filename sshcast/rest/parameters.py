"""The parameters of REST routes: how each is read, and what the OpenAPI document says of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request

from resolvers.validation import LONGEST_KEY, MAX_ID
from sshcast.http import bearer

Place = Literal["query", "path", "header"]
Found = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `parse` gets those of the query that are not empty, and returns its value; None if absent."""

    name: str
    description: str
    schema: Mapping[str, Any]
    parse: Callable[[Found], Any]
    place: Place = "query"


def read_parameters(request: Request, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values of these query parameters, by their names. Invalid for any other one, or a wrong value."""
    found = bearer.read_query(request, *(each.name for each in parameters))
    return {each.name: each.parse(found) for each in parameters}


def define_integer(
    name: str, description: str, low: int = 1, high: int = MAX_ID, *, default: int | None = None
) -> Parameter:
    schema: dict[str, Any] = {"type": "integer", "format": "int64", "minimum": low, "maximum": high}
    if default is not None:
        schema["default"] = default

    def parse(found: Found) -> int | None:
        value = bearer.parse_optional_integer(found, name, low, high)
        return default if value is None else value

    return Parameter(name, description, schema, parse)


def define_time(name: str, description: str, *, until: bool = False) -> Parameter:
    schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]}
    text = f"{description} RFC 3339 with a zone, or Unix seconds; inclusive."
    return Parameter(name, text, schema, lambda found: bearer.parse_optional_time(found, name, until=until))


def define_choice(name: str, description: str, values: Sequence[str]) -> Parameter:
    schema = {"type": "string", "enum": [str(value) for value in values]}
    return Parameter(name, description, schema, lambda found: bearer.parse_choice(found, name, values))


def define_flag(name: str, description: str) -> Parameter:
    """A flag that is false if it is absent. The document has no default for it, as some clients send every default."""
    schema = {"type": "boolean"}
    return Parameter(name, description, schema, lambda found: bearer.parse_flag(found, name))


def define_text(name: str, description: str, *, longest: int | None = None) -> Parameter:
    """A text that whoever reads it checks."""
    bound = {} if longest is None else {"maxLength": longest}
    return Parameter(name, description, {"type": "string"} | bound, lambda found: found.get(name))


def define_header(name: str, description: str, schema: Mapping[str, Any] | None = None) -> Parameter:
    """A header that its route reads by itself."""
    return Parameter(name, description, schema or {"type": "string"}, lambda found: None, "header")


PATH_ID = Parameter(
    "id",
    "The number of the object.",
    {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID},
    lambda found: None,
    "path",
)
LANGUAGE = define_header(
    "Accept-Language", "The language of messages: `en` or `zh`.", {"type": "string", "default": "en"}
)
IDEMPOTENCY_KEY = define_header(
    "Idempotency-Key",
    "With a key of yours, a repeated request gets the first one's answer and does nothing again; "
    "a request with the same key and other contents is a 409.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
)
