"""Builds the OpenAPI document from the operations: their routes, parameters, bodies, answers and error codes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from inspect import cleandoc
from typing import Any, get_args, is_typeddict

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from db.values import Role
from resolvers.errors import CommandRefused, Invalid, RateLimited, ScheduleInvalid, ServersRefused, ServiceError
from sshcast.http.answers import STATUS, ErrorBody, Internal, build_error_body
from sshcast.rest.operation import JSON, Answer, Operation
from sshcast.rest.parameters import LANGUAGE, PATH_ID, Parameter

REF = "#/components/schemas/{model}"
BEARER = "bearer"
ABOUT = """sshcast runs commands on servers over SSH, and records them.

Every error has a body of the same shape, in which `code` is the HTTP status and `error` a stable code for programs.
A parameter that is empty counts as absent; an unknown one is a 400. Times are RFC 3339 in UTC. Objects may get more
fields later. GraphQL, at `/graphql`, has all of this and more.
"""
HEADERS_OF_ERRORS = {
    401: {"WWW-Authenticate": "`Bearer`."},
    416: {"Content-Range": "How many bytes there are, such as `bytes */137`."},
    429: {"Retry-After": "In how many seconds to try again."},
}
EXAMPLES: Mapping[type[ServiceError], ServiceError] = {
    Invalid: Invalid("name", "is required.", "为必填项。"),
    ScheduleInvalid: ScheduleInvalid("60 is not a minute.", "60 不是分钟。", field="cron_expr", position=0, example=""),
    CommandRefused: CommandRefused((), en="sudo is not allowed.", zh="不允许 sudo。"),
    ServersRefused: ServersRefused((), en=ServersRefused.__doc__ or "", zh=ServersRefused.zh),
    RateLimited: RateLimited(1),
    Internal: Internal("5f2b9c0d1e3a4867"),
}
"""Errors that are not made of their kind alone."""


class PlainSchema(GenerateJsonSchema):
    """JSON schemas whose fields have no titles, which would repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def build_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these operations."""
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _build_operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sshcast",
            "version": _find_version(),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": dict(paths),
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token of `POST /api/auth/login`, or a personal access token.",
                }
            },
        },
    }


def _find_version() -> str:
    try:
        return version("sshcast")
    except PackageNotFoundError:
        return "0"


class _Schemas:
    """The JSON schemas of all types that the operations use; a TypedDict is a component that others refer to."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        kinds = list(dict.fromkeys(part for kind in _list_types(operations) for part in _split_union(kind)))
        found, rest = TypeAdapter.json_schemas(
            [(kind, "serialization", TypeAdapter(kind)) for kind in kinds],
            ref_template=REF,
            schema_generator=PlainSchema,
        )
        self.components: dict[str, Any] = rest["$defs"]
        self._refs = {kind: schema for (kind, _), schema in found.items()}

    def build(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type, or the one that `kind` is."""
        if isinstance(kind, dict):
            return kind
        parts = [self._refs[part] for part in _split_union(kind)]
        return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _list_types(operations: Sequence[Operation]) -> Iterator[Any]:
    yield ErrorBody
    for operation in operations:
        if operation.body is not None:
            yield operation.body
        for answer in operation.answers.values():
            yield from (kind for kind in answer.contents.values() if not isinstance(kind, dict))


def _split_union(kind: Any) -> tuple[Any, ...]:
    return (kind,) if is_typeddict(kind) else get_args(kind) or (kind,)


def _build_operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _describe(operation),
        "parameters": [_build_parameter(each) for each in _list_parameters(operation)],
        "responses": {str(code): _build_answer(each, schemas) for code, each in operation.answers.items()}
        | _build_errors(operation, schemas),
        "security": [] if operation.is_public else [{BEARER: []}],
    }
    if operation.body is not None:
        content = {JSON: {"schema": schemas.build(operation.body)}}
        found["requestBody"] = {"required": operation.body_required, "content": content}
    return found


def _describe(operation: Operation) -> str:
    needed = "" if operation.role in (None, Role.NONE) else f"Needs the role {operation.role} on the server."
    return " ".join(filter(None, (operation.description, needed))) or f"{operation.summary}."


def _list_parameters(operation: Operation) -> list[Parameter]:
    path = [PATH_ID] if PATH_ID.name in operation.path_names else []
    return [*path, *operation.parameters, LANGUAGE]


def _build_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    } | ({"allowEmptyValue": True} if parameter.place == "query" else {})


def _build_answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.description}
    if answer.contents:
        found["content"] = {media: {"schema": schemas.build(kind)} for media, kind in answer.contents.items()}
    if answer.headers:
        found["headers"] = _build_headers(answer.headers)
    return found


def _build_headers(headers: Any) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}


def _build_errors(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    """Return the answers for its errors, by their status, in the words of the errors themselves."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in operation.list_error_codes():
        by_status[STATUS[code]].append(code)
    kinds = _find_errors()
    found: dict[str, Any] = {}
    for status, codes in sorted(by_status.items()):
        examples = {code: {"value": build_error_body(_build_example(kinds[code]), "en")} for code in codes}
        found[str(status)] = {
            "description": "\n".join(f"- `{code}`: {cleandoc(kinds[code].__doc__ or '')}" for code in codes),
            "content": {JSON: {"schema": schemas.build(ErrorBody), "examples": examples}},
        }
        if status in HEADERS_OF_ERRORS:
            found[str(status)]["headers"] = _build_headers(HEADERS_OF_ERRORS[status])
    return found


def _find_errors() -> dict[str, type[ServiceError]]:
    """Return for each code the most general error that has it."""
    found: dict[str, type[ServiceError]] = {}
    waiting: list[type[ServiceError]] = [ServiceError]
    for kind in waiting:
        found.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return found


def _build_example(kind: type[ServiceError]) -> ServiceError:
    return EXAMPLES.get(kind) or kind()
