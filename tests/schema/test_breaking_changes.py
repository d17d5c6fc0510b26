"""No client is broken unawares: what breaks one is named in the changelog, and what will go says until when it works.

`schema/released.graphql` is the schema of the newest release. At a release, put the new version into its first line and
the text of `sshcast schema` below.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, find_breaking_changes

from schema import build

ROOT = Path(__file__).parent.parent.parent
RELEASED = (ROOT / "schema" / "released.graphql").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
COORDINATE = re.compile(r"@?\b\w+(?:\.\w+)?")
REASON = re.compile(r"^Use `(\w+)`.*\. It works until (\d{4}-\d\d-\d\d)\.$")
SMALL = "interface I { a: Int } type Query implements I { a(b: Int, c: E): Int d: U } enum E { X Y } union U = V | W "
SMALL += "type V { a: Int } type W { a: Int } input In { e: Int } extend type Query { f(in: In): Int }"


def list_unnamed_changes(old: GraphQLSchema, new: GraphQLSchema, changelog: str) -> list[str]:
    """The descriptions of the breaking changes whose place no code span of the changelog's newest section names."""
    named = {place for span in re.findall(r"`([^`]+)`", changelog) for place in COORDINATE.findall(span)}
    changes = find_breaking_changes(old, new)
    return [each.description for each in changes if find_place(each.description, old, new) not in named]


def find_place(description: str, *schemas: GraphQLSchema) -> str:
    """The `Type.field`, `Enum.VALUE` or type that a change is about; of an argument, the field that takes it."""
    words: list[str] = COORDINATE.findall(description)
    known = {name for schema in schemas for name in schema.type_map}
    exact = [word for word in words if "." in word and word.partition(".")[0] in known]
    return next(iter([*exact, *(word for word in words if word in known), *words]))


def read_section(heading: str) -> str:
    """The text below the first heading of the changelog that matches."""
    return re.split(rf"^## \[{heading}\].*$", CHANGELOG, maxsplit=1, flags=re.MULTILINE)[1].split("\n## [")[0]


def deprecated(schema: GraphQLSchema) -> Iterator[tuple[Any, str, str]]:
    """Each field, argument, input field and enum value that is deprecated: its type, its name and the reason."""
    for kind in schema.type_map.values():
        for name, item in [*getattr(kind, "fields", {}).items(), *getattr(kind, "values", {}).items()]:
            for called, each in [(name, item), *getattr(item, "args", {}).items()]:
                if each.deprecation_reason is not None:
                    yield kind, called, each.deprecation_reason


def test_the_released_schema_is_of_the_newest_release() -> None:
    version = re.findall(r"^## \[(\d[^\]]*)\]", CHANGELOG, re.MULTILINE)[0]
    assert RELEASED.splitlines()[0] == f"# The schema of version {version}, as released."


def test_every_change_that_breaks_clients_is_named_in_the_changelog() -> None:
    changes = list_unnamed_changes(build_schema(RELEASED), build.build_schema()._schema, read_section("Unreleased"))
    assert changes == [], "name each as `Type.field` under Changed or Removed, with what clients have to do"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("d: U", "", "Query.d"),
        ("a(b: Int,", "a(b: Int!,", "Query.a"),
        ("a(b: Int,", "a(", "Query.a"),
        ("): Int d", "): String d", "Query.a"),
        ("X Y", "X", "E.Y"),
        ("V | W", "V", "W"),
        ("e: Int", "e: Int!", "In.e"),
        ("e: Int", "e: Int g: Int!", "In.g"),
        ("implements I", "", "Query"),
    ],
)
def test_a_change_that_breaks_clients_is_found_unless_it_is_named(old: str, new: str, place: str) -> None:
    before, after = build_schema(SMALL), build_schema(SMALL.replace(old, new, 1))
    assert list_unnamed_changes(before, after, "- Nothing of `Query.other`, and Query.a without a code span.") != []
    assert list_unnamed_changes(before, after, f"- **`{place}`** is another, or `{place}(b:)`.") == []


def test_what_is_deprecated_says_what_to_use_instead_and_until_when_it_works() -> None:
    found = list(deprecated(build.build_schema()._schema))
    assert found
    for kind, name, reason in found:
        given = REASON.match(reason)
        assert given, f"{kind}.{name}: {reason}"
        assert given[1] != name
        assert given[1] in getattr(kind, "fields", {}) or given[1] in getattr(kind, "values", {}), reason
        date.fromisoformat(given[2])
