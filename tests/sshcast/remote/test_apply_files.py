"""What files `sshcast apply` takes, and what it says of those that it does not take; docs/apply.md lists all keys."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.manifest import trees
from sshcast.remote.manifest.checks import Checker, collect
from sshcast.remote.manifest.faults import Faults
from sshcast.remote.manifest.keys import KINDS, Key, KeyGroup, ListOf, MapOf, Word
from sshcast.remote.manifest.reader import Given, Reader
from sshcast.remote.manifest.snapshot import Known, Snapshot
from tests.support.chinese import find_english, reading_chinese
from tests.support.commands import ROOT
from tests.support.manifests import OWN, Ground

NEW_SERVER = "name: web, host: h, username: u, hostKeys: [k]"


def read(text: str) -> tuple[Reader, list[str]]:
    """The objects of a file, and what is wrong with it on a service that has a server `old` and the user `bob`."""
    faults = Faults(["f"])
    reader = Reader(faults)
    reader.read(trees.SourceFile("f", Path("/folder"), text))
    snapshot = Snapshot(users={"bob": "1"}, secrets={"db"})
    snapshot.found["servers"][("old",)] = Known("1", {"name": "old", "jumpServer": None})
    Checker(faults, collect(reader.items, faults), snapshot).check()
    return reader, faults.list_lines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("servers:\n- name: old\n  prot: 1", "f:3: servers[0].prot: there is no such key: did you mean port? There ar"),
        ("thing: []", "f:1: thing: there is no such key: There are servers, policies, tasks, grants"),
        ("servers:\n- {name: old, port: many}", "f:2: servers[0].port: 'many': it must be a whole number"),
        ("servers:\n- {name: old, port: 1.5}", "f:2: servers[0].port: '1.5': it must be a whole number"),
        ("servers:\n- {name: old, enabled: maybe}", "f:2: servers[0].enabled: 'maybe': it must be true or false"),
        ("servers:\n- {name: old, runMode: fast}", "f:2: servers[0].runMode: 'fast': it must be one of DURABLE, ATTAC"),
        ("servers:\n- {name: old, tags: a}", "f:2: servers[0].tags: 'a': it must be a list, each a text"),
        ("servers:\n- {name: old, tags: [[a]]}", "f:2: servers[0].tags[0]: it must be a text"),
        ("servers:\n- {name: old, host: null}", "f:2: servers[0].host: it cannot be null: it must be a text"),
        ("servers: {old: 1}", "f:1: servers: servers are a list: begin each with -"),
        ("- a", "f:1: it must be a mapping of servers, policies, tasks, grants"),
        ("servers:\n- old", "f:2: servers[0]: it must be a mapping of name, host"),
        ("servers:\n- port: 1", "f:2: servers[0]: it has no name"),
        ("servers:\n- name: old\n  port: 1\n  port: 2", "f:4: servers[0].port: it stands there twice, also in line 3"),
        ("servers:\n- name: old\n- name: old", "f:3: servers[1]: old stands there twice, also at f:2"),
        ("servers:\n- {name: old, jumpServer: x}", "f:2: servers[0].jumpServer: there is no server x: neither in the"),
        ("servers:\n- {name: old, jumpServer: old}", "f:2: servers[0].jumpServer: jump servers lead back to themselve"),
        ("servers:\n- {name: new}", "f:2: servers[0]: a new server needs host: a text"),
        (f"servers:\n- {{{NEW_SERVER}}}", "f:2: servers[0]: a new server needs its credential: {privateKey: {file"),
        ("servers:\n- name: old\n  credential: {password: OWN}", "f:3: servers[0].credential.password: a secret does"),
        ("servers:\n- {name: old, credential: {password: {vault: OWN}}}", "password: it must be {env: NAME} or {file"),
        ("servers:\n- {name: old, credential: OWN}", "credential: it must be a mapping of privateKey, passphrase"),
        ("servers:\n- {name: old, credential: {passphrase: {env: A}}}", "credential: it needs a privateKey or a passw"),
        (
            "servers:\n- {name: old, credential: {password: {env: A}, privateKey: {env: A}}}",
            "f:2: servers[0].credential: it is a password, or a private key",
        ),
        ("tasks:\n- {name: t, server: old, cronExpr: x}", "f:2: tasks[0]: a new task needs command: a text"),
        ("tasks:\n- {name: t, cronExpr: x, command: y}", "f:2: tasks[0]: a new task needs a server, or a selector"),
        ("tasks:\n- {name: t, server: old, selector: {}}", "f:2: tasks[0].selector: a task has a server or a selector"),
        ("tasks:\n- name: t\n  selector: {servers: [old,\n    x]}", "f:4: tasks[0].selector.servers[1]: there is no s"),
        ("tasks:\n- {name: t, secretEnv: {A: OWN}}", "f:2: tasks[0].secretEnv.A: a secret does not stand in this file"),
        ("tasks:\n- {name: t, secretEnv: {A: {secret: x}}}", "secretEnv.A: there is no registered secret x"),
        ("tasks:\n- {name: t, parameters: [{type: SECRET}]}", "f:2: tasks[0].parameters[0]: a parameter needs a name"),
        (
            "tasks:\n- name: t\n  parameters: [{name: P, type: secret}]\n  parameterValues:\n    P: OWN",
            "f:5: tasks[0].parameterValues.P: a secret does not stand in this file",
        ),
        ("policies:\n- {server: old, task: t}", "f:2: policies[0]: it is for one server or for one task: name either"),
        ("policies:\n- {task: t}", "f:2: policies[0].task: there is no task t: neither in the files nor at the"),
        ("policies:\n- {task: t, commands: [a]}", "f:2: policies[0].commands: a task's policy allows rules, and no"),
        ("grants:\n- {user: eve, role: viewer, tag: a}", "f:2: grants[0].user: there is no user eve: users are not ma"),
        ("grants:\n- {user: bob, tag: a}", "f:2: grants[0]: it has no role"),
        ("grants:\n- {user: bob, role: none, tag: a}", "f:2: grants[0].role: 'none': it must be one of VIEWER, OPERAT"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_without_a_secret(text: str, said: str) -> None:
    _, lines = read(text.replace("OWN", OWN))
    assert any(said in line for line in lines), lines
    assert OWN not in "".join(lines)
    with reading_chinese():
        _, told = read(text.replace("OWN", OWN))
    assert [find_english(line) for line in told] == [[]] * len(lines), told
    assert OWN not in "".join(told)


def test_all_mistakes_of_all_files_are_told_at_once_in_their_order(ground: Ground) -> None:
    service = ground.open_service("mistakes")
    first = ground.write("tasks:\n- {name: t, servr: x}\n", "a.yaml")
    second = ground.write("servers:\n- name: 1\n  port: x\n- name: 1\n", "b.yaml")
    done = service.within("apply", first, second, "--yes")
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    assert all(line.startswith("sshcast: ") for line in lines)
    places = [line.split(": ")[1].removeprefix(f"{ground.folder}/") for line in lines]
    assert places == [*["a.yaml:2"] * 4, *["b.yaml:2"] * 4, "b.yaml:3", "b.yaml:4"]


@pytest.mark.parametrize("text", ["a: [", "a: *b", "a: !!python/object:os.system x\n b: 1", "\x01", "a:\n\t- b"])
def test_what_is_no_yaml_is_told_with_its_line(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^f(:\d+)?: this is no YAML: "):
        trees.compose(trees.SourceFile("f", Path(), text))


def test_texts_are_taken_as_they_are_written() -> None:
    text = "tasks:\n- name: 0755\n  command: 'null'\n  timezone: 22:00\n  cronExpr: yes\n  workingDir: ~\n  enabled: no"
    reader, _ = read(text)
    assert reader.items[0].values == {
        "name": "0755", "command": "null", "timezone": "22:00", "cronExpr": "yes", "workingDir": None, "enabled": False,
    }  # fmt: skip


def test_json_is_taken_also_with_tabs_and_surrogates() -> None:
    reader, lines = read('{\n\t"servers":\t[{"name": "old", "tags": ["a\\tb", "\\ud83d\\ude00", "a\\/b"]}]}')
    assert (reader.items[0].values["tags"], lines) == (["a\tb", "😀", "a/b"], [])


def test_anchors_merges_and_several_documents_are_taken() -> None:
    text = (
        "x-a: &a {port: 1, credential: {privateKey: {file: k}}}\nservers:\n- <<: *a\n  name: old\n  port: 2\n"
        "---\n---\ngrants: null\n"
    )
    reader, lines = read(text)
    (item,) = reader.items
    assert item.values == {"name": "old", "port": 2, "credential": {"privateKey": Given(file=Path("/folder/k"))}}
    assert (reader.kinds, lines) == ({"servers", "grants"}, [])


def test_anchors_that_repeat_each_other_are_given_up() -> None:
    tens = "".join(f"x-{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]\n" for level in range(1, 9))
    servers = f"x-s: &s {{name: old, tags: [{', '.join(['a'] * 2000)}]}}\nservers: [{', '.join(['*s'] * 2000)}]\n"
    _, lines = read(f"x-0: &l0 [a]\n{tens}{servers}")
    assert any("this file says too much" in line for line in lines)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("files"))


def list_rows(group: KeyGroup, path: str = "") -> Iterator[tuple[str, bool, tuple[str, ...]]]:
    """Each key with its path, whether new objects need it, and the words that may stand under it."""
    yield from ((f"{path}{key.name}", key.is_for_new, list_words(key)) for key in group.keys)
    for key in group.keys:
        inner = key.form.item if isinstance(key.form, ListOf) else key.form
        if isinstance(inner, KeyGroup):
            yield from list_rows(inner, f"{path}{key.name}.")


def list_words(key: Key) -> tuple[str, ...]:
    form = key.form.item if isinstance(key.form, ListOf | MapOf) else key.form
    if isinstance(form, Word):
        words = form.words
    else:
        words = tuple(re.findall(r"\{\w+: \w+\}|true|false", "" if isinstance(form, KeyGroup) else str(form)))
    return (*words, *(("null",) if key.is_nullable else ()))


@pytest.mark.parametrize("name", ["apply.md", "apply.zh.md"])
def test_the_document_has_every_key(name: str) -> None:
    text = (ROOT / "docs" / name).read_text().partition("<!-- keys: a test compares them -->")[2]
    found: dict[str, list[tuple[str, bool, tuple[str, ...]]]] = {}
    for part in text.partition("<!-- /keys -->")[0].split("### `")[1:]:
        rows = re.findall(r"^\| `([\w.]+)`( \\\*)? \| (.*) \|$", part, re.MULTILINE)
        found[part.partition("`")[0]] = [
            (key, star != "", tuple(re.findall("`([^`]+)`", rest))) for key, star, rest in rows
        ]
    assert found == {kind: list(list_rows(group)) for kind, group in KINDS.items()}


@pytest.mark.parametrize("name", ["apply.md", "apply.zh.md"])
def test_the_document_s_example_is_applied(name: str, ground: Ground) -> None:
    text = (ROOT / "docs" / name).read_text().partition("<!-- example: a test applies it -->\n```yaml\n")[2]
    (ground.folder / "keys").mkdir(exist_ok=True)
    example = text.partition("```")[0].replace("ssh-ed25519 AAAA…", ground.public)
    (ground.folder / "keys" / "deploy").write_bytes((ground.folder / "key").read_bytes())
    service = ground.open_service(name, DEPLOY_PASSPHRASE=OWN)
    said = service.apply(ground.write(example), "--yes")
    assert "task rotate-logs is added" in said
    assert "nothing to change" in service.apply(ground.write(example))
