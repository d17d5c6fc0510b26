"""`sshcast operation build` and the file that it makes, as an operator meets them."""

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate

from schema.build import build_schema
from schema.manifest import FORMAT, KnownOperation, format_manifest, hash_document, read_manifest
from sshcast.http_app import build_app
from sshcast.settings import SettingsInvalid, load
from tests.support.commands import Commands
from tests.support.service import Running

EXAMPLES = Path(__file__).parent.parent.parent / "graphql_examples"
SCHEMA = build_schema()._schema


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "data")


def build(commands: Commands, files: dict[str, str], folder: Path, *options: str) -> Any:
    for name, text in files.items():
        path = folder / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return commands.within("operation", "build", str(folder / "documents"), *options)


def test_the_examples_make_a_list_in_the_form_of_the_field_that_settings_take(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = commands.within("operation", "build", str(EXAMPLES))
    assert (done.returncode, done.stderr) == (0, b"")
    made = json.loads(done.stdout)
    assert (made["format"], made["version"]) == (FORMAT, 1)
    assert len(made["operations"]) >= len(list(EXAMPLES.glob("*.graphql")))
    for each in made["operations"]:
        assert each["id"] == hash_document(each["body"])
        assert validate(SCHEMA, parse(each["body"])) == []
    (tmp_path / "list.json").write_bytes(done.stdout)
    monkeypatch.setenv("SSHCAST_OPERATIONS", str(tmp_path / "list.json"))
    assert len(read_manifest(load().operations or Path())) == len(made["operations"])


def test_an_operation_takes_along_the_fragments_that_it_spreads_and_no_others(
    commands: Commands, tmp_path: Path
) -> None:
    files = {
        "a/me.graphql": "query Me { me { ...Who } } fragment Unused on User { id }",
        "fragments.gql": "fragment Who on User { ...Name } fragment Name on User { name }",
        "notes.txt": "no GraphQL",
    }
    (made,) = json.loads(build(commands, files, tmp_path).stdout)["operations"]
    assert (made["name"], made["type"]) == ("Me", "query")
    assert sorted(each.name.value for each in parse(made["body"]).definitions) == ["Me", "Name", "Who"]  # type: ignore[attr-defined]


def test_typenames_are_added_where_apollo_adds_them(commands: Commands, tmp_path: Path) -> None:
    text = "query T { __typename tasks { nodes { id ... on Task { name } } pageInfo { __typename hasNextPage } } }"
    (made,) = json.loads(build(commands, {"t.graphql": text}, tmp_path, "--typenames").stdout)["operations"]
    wanted = (
        "query T { __typename tasks { nodes { id ... on Task { name __typename } __typename } "
        "pageInfo { __typename hasNextPage } __typename } }"
    )
    assert made["body"].split() == wanted.split()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "is not a folder"),
        ({"a.txt": ""}, "there is no operation in it"),
        ({"a.graphql": "query A {"}, "a.graphql, line 1: Syntax Error"),
        ({"a.graphql": "{ me { id } }"}, "a.graphql: an operation has no name"),
        ({"a.graphql": "query A { nothing }"}, "a.graphql: Cannot query field 'nothing' on type 'Query'."),
        ({"a.graphql": "query A { me { ...Who } }"}, "a.graphql: Unknown fragment 'Who'."),
        ({"a.graphql": "query A { me { ... @defer { id } } }"}, "a.graphql: @defer and @stream are not supported"),
        ({"a.graphql": "query A { " + "__typename " * 201 + "}"}, "a.graphql: The document asks for too much at once"),
        (
            dict.fromkeys(("a.graphql", "b.graphql"), "query A { me { id } }"),
            "b.graphql: another file has an operation",
        ),
    ],
)
def test_what_cannot_be_listed_is_refused_in_one_line(
    commands: Commands, tmp_path: Path, files: dict[str, str], says: str
) -> None:
    done = build(commands, files, tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert says in line


def test_it_is_built_even_if_the_file_of_the_setting_is_not_there_yet(commands: Commands, tmp_path: Path) -> None:
    early = Commands(commands.data, {"SSHCAST_OPERATIONS": str(tmp_path / "absent.json")})
    done = build(early, {"a.graphql": "query A { me { id } }"}, tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def listed(**changes: Any) -> str:
    return json.dumps({"format": FORMAT, "version": 1, "operations": []} | changes)


ENTRY = {"id": "1", "name": "A", "type": "query", "body": "query A { me { id } }"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "must be a file of JSON"),
        ("[" * 100_000, "must be a file of JSON"),
        ("[]", f'must be a file with "format": "{FORMAT}" and "version": 1'),
        (listed(version=2), f'must be a file with "format": "{FORMAT}" and "version": 1'),
        (listed(operations={}), 'must be a file with a list of at most 2000 "operations"'),
        (listed(operations=[1]), "operation 1 must have an id, a name, a type and a body"),
        (listed(operations=[ENTRY | {"body": ""}]), "operation 1 must have an id, a name, a type and a body"),
        (listed(operations=[ENTRY | {"type": "fragment"}]), "operation 1 must have one of these types"),
        (listed(operations=[ENTRY, ENTRY]), "operation 2 has an id that another one has as well"),
        (listed(operations=[ENTRY | {"id": "x" * 129}]), "operation 1 has an id of more than 128 characters"),
        (listed(operations=[ENTRY | {"id": "0" * 64}]), "operation 1 has an id that is not the SHA-256 of its body"),
    ],
)
@pytest.mark.anyio
async def test_a_bad_file_is_refused_at_the_start_by_the_name_of_the_setting(
    api: Running, tmp_path: Path, text: str | None, says: str
) -> None:
    if text is not None:
        (tmp_path / "list.json").write_text(text)
    with pytest.raises(SettingsInvalid) as failed:
        build_app(api.service, load(data=tmp_path, operations=tmp_path / "list.json"))
    assert str(failed.value).startswith(f"SSHCAST_OPERATIONS: {says}")


def test_serve_says_so_in_one_line_and_ends(commands: Commands, tmp_path: Path) -> None:
    early = Commands(commands.data, {"SSHCAST_OPERATIONS": str(tmp_path / "absent.json")})
    done = early.run("serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == (
        "sshcast: SSHCAST_OPERATIONS: cannot be read: No such file or directory"
    )


def test_only_the_list_without_a_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHCAST_OPERATIONS_ONLY", "true")
    with pytest.raises(SettingsInvalid, match=r"^SSHCAST_OPERATIONS_ONLY: needs SSHCAST_OPERATIONS too"):
        load()


@pytest.mark.anyio
async def test_an_operation_that_this_version_refuses_is_named_at_the_start(api: Running, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(format_manifest([KnownOperation("1", "Old", "query", "query Old { gone }")]))
    says = r"^SSHCAST_OPERATIONS: operation Old: Cannot query field 'gone' on type 'Query'\."
    with pytest.raises(SettingsInvalid, match=says):
        build_app(api.service, load(data=tmp_path, operations=tmp_path / "list.json"))
