"""Errors as callers see them: their mistakes in a payload's `errors`, everything else at the top level."""

import secrets
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from db.unavailable import StoreOutcomeUnknown, StoreUnavailable
from resolvers.errors import AnswerIncomplete, Language, OutcomeUnknown, ServiceError, Unavailable
from runner.log import get_logger

log = get_logger()

TOP_LEVEL = frozenset({"CURSOR_EXPIRED", "FORBIDDEN", "RATE_LIMITED", "UNAVAILABLE", "OUTCOME_UNKNOWN"})
# Where the API's name of a field is not simply the service's in camel case.
NAMES = {"output_limit": "outputLimitBytes", "created_by": "createdById", "order": "orderBy"}
NESTED = frozenset({"credential", "filter", "terms", "selector"})
# A fleet run's work, which names a command's fields, and below those variables.
WORK, DEPTH = frozenset({"work"}), 3
LONGEST_MESSAGE = 1000


class TooComplex(ServiceError):
    """The document asks for too much at once."""

    code = "TOO_COMPLEX"
    zh = "查询过于复杂。"

    def __init__(self, en: str | None = None, zh: str | None = None, *, cost: Mapping[str, int] | None = None) -> None:
        super().__init__(en, zh)
        self.cost = cost

    @property
    def extensions(self) -> dict[str, Any]:
        return super().extensions | ({"cost": self.cost} if self.cost else {})


class DocumentInvalid(ServiceError):
    """The document cannot be read."""

    code = "DOCUMENT_INVALID"
    zh = "无法读取查询文档。"


class NoIncrementalDelivery(DocumentInvalid):
    """@defer and @stream are not supported: ask for what may come later in a request of its own, or subscribe to it."""

    zh = "不支持 @defer 和 @stream：请把可以稍后到达的内容放在另一个请求中，或改用订阅。"


class TooManyOperations(ServiceError):
    """This socket has as many operations open as it may: end one first."""

    code = "RATE_LIMITED"
    zh = "此连接上同时进行的操作过多，请先结束一个。"


class NotAllowedHere(ServiceError):
    """A mutation is sent by POST."""

    code = "METHOD_NOT_ALLOWED"
    zh = "变更操作必须使用 POST。"


class NotAcceptable(ServiceError):
    """A subscription needs graphql-transport-ws, or an Accept of text/event-stream or multipart/mixed."""

    code = "NOT_ACCEPTABLE"
    zh = "订阅需要使用 graphql-transport-ws，或在 Accept 中指定 text/event-stream 或 multipart/mixed。"


class Internal(ServiceError):
    """Internal error."""

    code = "INTERNAL"

    def __init__(self) -> None:
        self.error_id = secrets.token_hex(8)
        super().__init__(
            f"Internal error; look up {self.error_id} in the service's log.", f"内部错误，日志编号 {self.error_id}。"
        )

    @property
    def extensions(self) -> dict[str, Any]:
        return super().extensions | {"errorId": self.error_id}


def find_field_path(error: ServiceError) -> list[str] | None:
    """Return the path of the field in the API's names. Names of environment variables stay as they are."""
    if not error.field:
        return None
    first, *rest = error.field
    if first in WORK:
        return [*map(_convert_name, error.field[:DEPTH]), *error.field[DEPTH:]]
    return [_convert_name(first), *(map(_convert_name, rest) if first in NESTED else rest)]


def _convert_name(name: str) -> str:
    return NAMES.get(name) or to_camel_case(name)


def format_message(error: ServiceError, language: Language) -> str:
    """Return the message; where it begins with the service's name of the field, put the API's name there."""
    text, path = error.text(language), find_field_path(error)
    if path and text.startswith(f"{error.field[-1]} "):
        return path[-1] + text.removeprefix(error.field[-1])
    return text


def translate_error(error: GraphQLError, language: Language, *, changing: bool = False) -> GraphQLError:
    """Return a top-level error as the caller may see it: ours in their language, unexpected ones masked.

    `changing`: the error is in the answer to a mutation, so its message must not suggest repeating the change.
    """
    cause = _find_root_cause(error)
    if cause is error and error.path is None:
        return _add_code(error, DocumentInvalid.code)
    told = cause if isinstance(cause, ServiceError) else _mask_error(cause, error)
    if changing and isinstance(told, Unavailable) and len(error.path or ()) > 1:
        told = AnswerIncomplete()
    extensions = told.extensions | ({"field": path} if (path := find_field_path(told)) else {})
    message = format_message(told, language)[:LONGEST_MESSAGE]
    return GraphQLError(message, error.nodes, path=error.path, extensions=extensions, original_error=told)


def _find_root_cause(error: GraphQLError) -> Exception:
    """Return the exception that a resolver raised; the error itself where GraphQL raised it.

    A GraphQL error without a path is about the document; with a path, a row holds a value that its field cannot show.
    """
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return error if isinstance(cause, GraphQLError) else cause


def _add_code(error: GraphQLError, code: str) -> GraphQLError:
    return GraphQLError(
        error.message[:LONGEST_MESSAGE],
        error.nodes,
        error.source,
        error.positions,
        path=error.path,
        extensions={"code": code},
    )


def _mask_error(cause: Exception, error: GraphQLError) -> ServiceError:
    """Log the error under a new id, and return an error that shows only this id."""
    if isinstance(cause, StoreUnavailable):
        log.error("the database is away", path=error.path, exc_info=cause)
        return OutcomeUnknown() if isinstance(cause, StoreOutcomeUnknown) else Unavailable()
    internal = Internal()
    log.error("a GraphQL field failed", error_id=internal.error_id, path=error.path, exc_info=cause)
    return internal
