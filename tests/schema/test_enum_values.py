"""Every value of an enum that answers may show is one that the service makes, or that callers give.

A value counts as made if code below the schema names the member (`State.LOST`), or if the words that it stands for are
the same ones. Three enums are what callers give. That a named value comes is what the tests of each subject show.
"""

import ast
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, get_named_type

from db.values import CredentialKind, EventKind
from resolvers.errors import ServiceError
from runner.policy.verdict import Severity as PolicySeverity
from runner.ssh.protocol import Credential
from schema.build import build_schema
from schema.enums import ErrorCode, Severity
from schema.errors import TOP_LEVEL

ROOT = Path(__file__).parents[2]
ROOMS = ("db", "runner", "resolvers")
SCHEMA = build_schema()._schema


def _list_enums(*kinds: type) -> set[str]:
    """The names of the enums that fields of these kinds of types have."""
    found = set()
    for kind in SCHEMA.type_map.values():
        fields: dict[str, Any] = kind.fields if isinstance(kind, kinds) else {}  # type: ignore[attr-defined]
        named = {get_named_type(field.type) for field in fields.values()}
        found |= {each.name for each in named if isinstance(each, GraphQLEnumType)}
    return {name for name in found if not name.startswith("__")}


def _find_class(name: str) -> type[Enum]:
    found: type[Enum] = SCHEMA.type_map[name].extensions["strawberry-definition"].wrapped_cls
    return found


def _list_named_members() -> set[str]:
    """What is written as `Name.member` in the code below the schema."""
    trees = (ast.parse(path.read_text()) for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {f"{node.value.id}.{node.attr}" for node in nodes if isinstance(node.value, ast.Name)}


def _list_error_codes(error: type[ServiceError] = ServiceError) -> set[str]:
    return {error.code}.union(*map(_list_error_codes, error.__subclasses__()))


def _list_triggered_events() -> set[str]:
    """The kinds that the database's triggers write, of all that the migrations name."""
    text = "".join(path.read_text() for path in (ROOT / "db" / "migrations" / "versions").glob("*.py"))
    return {kind for kind in EventKind if f"'{kind}'" in text or f'"{kind}"' in text}


GIVEN = _list_enums(GraphQLInputObjectType)
SHOWN = _list_enums(GraphQLObjectType, GraphQLInterfaceType)
CHOSEN = {"PolicyMode", "ScheduleDst", "Weekday"}
"""What callers choose freely, and see again as they gave it."""
# Enums whose words are made without naming a member: those words.
WORDS: dict[type[Enum], set[str]] = {
    CredentialKind: set(get_args(get_type_hints(Credential)["kind"])),
    ErrorCode: _list_error_codes() - TOP_LEVEL,
    EventKind: _list_triggered_events(),
    Severity: set(get_args(PolicySeverity)),
}


@pytest.fixture(scope="module")
def named() -> set[str]:
    return _list_named_members()


@pytest.mark.parametrize("name", sorted(SHOWN - CHOSEN))
def test_each_value_that_answers_show_is_made(named: set[str], name: str) -> None:
    words = _find_class(name)
    made = WORDS.get(words) or {member.value for member in words if f"{words.__name__}.{member.name}" in named}
    assert {member.value for member in words} - made == set()


def test_what_callers_choose_is_taken_by_an_input() -> None:
    assert CHOSEN <= SHOWN & GIVEN


def test_the_schema_shows_every_member_of_the_words_and_no_other() -> None:
    for name in SHOWN | GIVEN:
        kind = SCHEMA.type_map[name]
        assert isinstance(kind, GraphQLEnumType)
        assert [kind.serialize(member) for member in _find_class(name)] == list(kind.values)


def test_a_value_that_nothing_makes_is_found(named: set[str]) -> None:
    assert "State.SUCCESS" in named
    assert "State.NEVER" not in named
    assert "UNHEARD_OF" not in WORDS[ErrorCode]
