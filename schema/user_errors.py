"""The caller's mistakes, as the payloads of mutations show them."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import strawberry
from strawberry import ID

from resolvers import errors
from resolvers.errors import Language, ServiceError
from schema.enums import ErrorCode, Severity
from schema.errors import find_field_path, format_message
from schema.fleet_enums import Refusal

MOST_REFUSED = 100


@strawberry.interface(description="A mistake in the request. Nothing was changed.")
class UserError:
    code: ErrorCode = strawberry.field(description="The kind of mistake; REST answers use the same word.")
    message: str = strawberry.field(
        description="What is wrong and what to do about it, in the language that Accept-Language prefers."
    )
    field: list[str] | None = strawberry.field(
        description="The path of the input field that is wrong; null if it is not a single field."
    )


@strawberry.type(description="A value is not allowed.")
class InputInvalid(UserError):
    pass


@strawberry.type(description="The object does not exist, or you may not see it.")
class ObjectNotFound(UserError):
    pass


@strawberry.type(description="The change conflicts with what exists already.")
class ObjectConflict(UserError):
    pass


@strawberry.type(description="The name and password, or the refresh token, are wrong.")
class SignInRefused(UserError):
    pass


@strawberry.type(description="The server could not be reached, or did not answer as an SSH server.")
class ServerUnreachable(UserError):
    pass


@strawberry.type(description="The schedule cannot be read, or would never fire.")
class ScheduleInvalid(UserError):
    position: int = strawberry.field(description="Where the mistake is, in characters from 0.")
    example: str = strawberry.field(description="A valid schedule, as close to the given one as possible.")


@strawberry.type(name="CommandFinding", description="A rule of the command policy that a command breaks, and where.")
class Finding:
    rule: str = strawberry.field(description="The rule's id, such as `privilege.sudo`.")
    severity: Severity = strawberry.field(description="Whether the finding stops the command.")
    message: str = strawberry.field(description="What is wrong and what to do instead.")
    start: int = strawberry.field(description="Where the offending text begins, in characters from 0.")
    end: int = strawberry.field(description="Where the offending text ends, in characters from 0.")
    line: int = strawberry.field(description="The line on which it begins, from 1.")
    column: int = strawberry.field(description="The column in which it begins, from 1.")
    text: str = strawberry.field(description="The offending text.")
    via: list[str] = strawberry.field(
        description="The programs through which the text would be run, outermost first, such as `sh -c`."
    )


@strawberry.type(description="The command policy refuses the command.")
class CommandRefused(UserError):
    findings: list[Finding] = strawberry.field(description="Every rule that it breaks, in the order of the text.")


@strawberry.type(description="A server on which a fleet run may not run.")
class RefusedServer:
    server_id: ID = strawberry.field(description="The server's id.")
    name: str = strawberry.field(description="The server's name.")
    refusal: Refusal = strawberry.field(description="Why it is refused.")
    message: str = strawberry.field(description="The refusal in words.")


@strawberry.type(description="The fleet run may not run on some of its servers, so nothing was started.")
class ServersRefused(UserError):
    refused: list[RefusedServer] = strawberry.field(description="The first 100 of them, in order of their ids.")


KINDS: dict[type[ServiceError], type[UserError]] = {
    errors.NotFound: ObjectNotFound,
    errors.Conflict: ObjectConflict,
    errors.Unauthenticated: SignInRefused,
    errors.Unreachable: ServerUnreachable,
    errors.ServersRefused: ServersRefused,
    errors.ScheduleInvalid: ScheduleInvalid,
    errors.CommandRefused: CommandRefused,
}


def build_user_error(error: ServiceError, language: Language) -> UserError:
    kind = KINDS.get(type(error), InputInvalid)
    return kind(
        code=ErrorCode(error.code),
        message=format_message(error, language),
        field=find_field_path(error),
        **_build_details(error, language),
    )


def _build_details(error: ServiceError, language: Language) -> dict[str, Any]:
    """Return the extra fields that some kinds of error have."""
    if isinstance(error, errors.ScheduleInvalid):
        return {"position": error.position, "example": error.example}
    if isinstance(error, errors.CommandRefused):
        return {"findings": [build_finding(item, language) for item in error.findings]}
    if isinstance(error, errors.ServersRefused):
        return {"refused": [_build_refused_server(each, language) for each in error.refused[:MOST_REFUSED]]}
    return {}


def _build_refused_server(each: Any, language: Language) -> RefusedServer:
    message = each.refusal.zh if language == "zh" else each.refusal.en
    return RefusedServer(server_id=each.server.id, name=each.server.name, refusal=each.refusal.kind, message=message)


def build_finding(item: Any, language: Language) -> Finding:
    return Finding(
        rule=item.rule,
        severity=Severity(item.severity),
        message=item.message_zh if language == "zh" else item.message_en,
        start=item.start,
        end=item.end,
        line=item.line,
        column=item.column,
        text=item.text,
        via=list(item.via),
    )


def build_recorded_finding(item: Mapping[str, Any], language: Language) -> Finding:
    """Return a finding that was stored with an execution."""
    return build_finding(SimpleNamespace(**item), language)
