"""The schema as clients see it: printed, described, without a secret."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_specified_scalar_type,
)
from graphql.utilities import get_introspection_query

from db.values import CredentialKind, Mode, Reason, Role, State, Stream, Trigger
from resolvers import errors, executions, servers, tasks
from schema import build
from schema import errors as top_level
from schema.enums import ErrorCode, ExecutionOrderField, ServerOrderField, TaskOrderField

KEPT = Path(build.__file__).parent / "schema.graphql"
SCHEMA = build.build_schema()._schema
# What may hold a secret in an answer: the tokens of a session that has just begun. An event's hash is none.
HANDED_OUT = {"LoginPayload.tokens", "RefreshPayload.tokens", "Tokens.accessToken", "Tokens.refreshToken"}
HANDED_OUT |= {"AuditEvent.hash", "CreatePersonalTokenPayload.token"}
# Of personal tokens nothing else can be read than their names, scopes and times.
HANDED_OUT |= {f"{kind}.personalToken" for kind in ("CreatePersonalTokenPayload", "RevokePersonalTokenPayload")}
HANDED_OUT |= {"Query.personalTokens"}
# Of registered secrets and of secret variables only what the next test says.
HANDED_OUT |= {f"{kind}SecretPayload.secret" for kind in ("Create", "Update", "Delete")}
HANDED_OUT |= {"Query.secrets", "Task.secretEnv", "TaskExecution.secretEnv", "FleetRun.secretEnv"}
HANDED_OUT |= {"SecretVariable.secret"}
# Of parameters, whether the value is secret.
HANDED_OUT |= {"ParameterValue.secret"}
SECRET = re.compile(r"password|secret|passphrase|private|token|credential$|certificate|hash|\benv$", re.IGNORECASE)


def types() -> list[Any]:
    return [kind for name, kind in SCHEMA.type_map.items() if not name.startswith("__")]


def described() -> Iterator[tuple[str, str | None]]:
    """Everything that can have a description, and it."""
    for kind in types():
        yield kind.name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())
        for name, item in getattr(kind, "fields", {}).items():
            yield f"{kind.name}.{name}", item.description
            for argument, given in getattr(item, "args", {}).items():
                yield f"{kind.name}.{name}({argument})", given.description


def test_the_committed_sdl_is_this_schema() -> None:
    assert KEPT.read_text() == build.format_schema(), "after a change: sshcast schema > schema/schema.graphql"


def test_every_type_field_argument_and_enum_value_is_described() -> None:
    assert [name for name, words in described() if not (words or "").strip()] == []


def test_no_field_that_can_be_read_holds_a_secret() -> None:
    readable = [kind for kind in types() if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)]
    fields = {f"{kind.name}.{name}" for kind in readable for name in kind.fields if kind.name != "Mutation"}
    assert {name for name in fields if SECRET.search(name.split(".")[1])} == HANDED_OUT


def test_of_secrets_nothing_can_be_read_but_names_and_who_and_when() -> None:
    fields = {kind.name: set(kind.fields) for kind in types() if kind.name in ("Secret", "SecretVariable")}
    about = {"id", "nodeId", "name", "serverId", "server", "createdBy", "createdAt", "updatedAt"}
    assert fields == {"Secret": about, "SecretVariable": {"name", "secret"}}
    (value,) = [kind for kind in types() if kind.name == "ParameterValue"]
    assert str(value.fields["secret"].type) == "Boolean!"


def test_every_mutation_takes_one_input_and_gives_a_payload_with_errors() -> None:
    assert SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        payload: Any = field.type
        assert payload.name == name[0].upper() + name[1:] + "Payload"
        assert str(payload.fields["errors"].type) == "[UserError!]!"
        if name != "logout":
            assert list(field.args) == ["input"]
            assert isinstance(field.args["input"].type.of_type, GraphQLInputObjectType)


def test_the_enums_are_the_words_of_the_database() -> None:
    known = {"Role": Role, "ExecutionState": State, "ExecutionReason": Reason, "ExecutionTrigger": Trigger}
    known |= {"RunMode": Mode, "OutputStream": Stream, "CredentialKind": CredentialKind}
    for name, words in known.items():
        kind: Any = SCHEMA.type_map[name]
        assert {key: value.value for key, value in kind.values.items()} == {word.name: word for word in words}


def test_lists_can_be_ordered_by_what_the_resolvers_order_by() -> None:
    known = [(TaskOrderField, tasks), (ServerOrderField, servers), (ExecutionOrderField, executions)]
    for words, module in known:
        assert tuple(word.value for word in words) == module.LISTING.orders


def test_every_error_of_the_service_is_either_a_user_error_or_a_top_level_one() -> None:
    codes = {kind.code for kind in errors.ServiceError.__subclasses__() if kind.__module__ == errors.__name__}
    assert codes - top_level.TOP_LEVEL == {code.value for code in ErrorCode}


def test_the_scalars_of_our_own_say_what_they_are() -> None:
    ours = {kind.name for kind in types() if str(kind.ast_node) and not hasattr(kind, "fields")}
    scalars = {name for name in ours if not isinstance(SCHEMA.type_map[name], GraphQLEnumType)}
    assert {name for name in scalars if not is_specified_scalar_type(SCHEMA.type_map[name])} == {"DateTime", "Long"}


def test_the_tools_introspection_query_is_within_the_limits() -> None:
    answer = build.build_schema().execute_sync(get_introspection_query(descriptions=True, input_value_deprecation=True))
    assert answer.errors is None
