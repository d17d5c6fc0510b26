"""The caller's mistakes, as a mutation's payload tells them."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import strawberry

from resolvers import errors
from resolvers.errors import Language, ServiceError
from schema.enums import ErrorCode, Severity
from schema.errors import find_field_path, format_message


@strawberry.interface(description="A mistake in what was asked for. Nothing was changed.")
class UserError:
    code: ErrorCode = strawberry.field(description="What kind of mistake; REST shows the same word.")
    message: str = strawberry.field(description="What is wrong and what to do, in the language of Accept-Language.")
    field: list[str] | None = strawberry.field(description="The input field, as a path; null if it is not one field.")


@strawberry.type(description="A value breaks a rule.")
class InputInvalid(UserError):
    pass


@strawberry.type(description="There is no such object, or you may not see it.")
class ObjectNotFound(UserError):
    pass


@strawberry.type(description="It clashes with what is there already.")
class ObjectConflict(UserError):
    pass


@strawberry.type(description="The name and password, or the refresh token, are not right.")
class SignInRefused(UserError):
    pass


@strawberry.type(description="The server could not be reached, or did not answer as an SSH server.")
class ServerUnreachable(UserError):
    pass


@strawberry.type(description="The schedule cannot be read, or would never fire.")
class ScheduleInvalid(UserError):
    position: int = strawberry.field(description="Where it goes wrong: characters from the start, from 0.")
    example: str = strawberry.field(description="A schedule that is right.")


@strawberry.type(name="CommandFinding", description="A rule of the command policy that a command breaks, and where.")
class Finding:
    rule: str = strawberry.field(description="The rule's id, such as `privilege.sudo`.")
    severity: Severity = strawberry.field(description="Whether it stops the command.")
    message: str = strawberry.field(description="What the rule is about.")
    start: int = strawberry.field(description="Where the text begins, in characters from 0.")
    end: int = strawberry.field(description="Where the text ends, in characters from 0.")
    line: int = strawberry.field(description="The line, from 1.")
    column: int = strawberry.field(description="The column, from 1.")
    text: str = strawberry.field(description="The text itself.")
    via: list[str] = strawberry.field(description="How the text was reached, outermost first, such as `sh -c`.")


@strawberry.type(description="The command policy refuses the command.")
class CommandRefused(UserError):
    findings: list[Finding] = strawberry.field(description="Every rule that it breaks, in the order of the text.")


KINDS: dict[type[ServiceError], type[UserError]] = {
    errors.NotFound: ObjectNotFound,
    errors.Conflict: ObjectConflict,
    errors.Unauthenticated: SignInRefused,
    errors.Unreachable: ServerUnreachable,
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
    """What some kinds tell beyond the message."""
    if isinstance(error, errors.ScheduleInvalid):
        return {"position": error.position, "example": error.example}
    if isinstance(error, errors.CommandRefused):
        return {"findings": [build_finding(item, language) for item in error.findings]}
    return {}


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
    """One that was recorded with an execution."""
    return build_finding(SimpleNamespace(**item), language)
