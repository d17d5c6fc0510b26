"""`sshcast apply`: a service becomes what a file says, and nothing else changes."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.manifests import OWN, Ground, Service
from tests.support.remote import Remote
from tests.support.terminal import on_terminal

SSHCAST = (sys.executable, "-m", "sshcast")
NOTHING = "nothing to change [the database of this machine]"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("apply"))


@pytest.fixture(scope="module")
def filled(ground: Ground) -> Service:
    """A service with all objects of the file, which tests leave as it was."""
    service = ground.open_service("filled")
    service.apply(ground.write(ground.whole), "--yes")
    return service


def list_variables(ground: Ground, text: str) -> dict[str, str]:
    """A value for each variable that an export wants."""
    key = (ground.folder / "key").read_text()
    names = {part.partition("}")[0] for part in text.split("{env: ")[1:]}
    return {name: key if name.endswith("PRIVATE_KEY") else OWN for name in names}


def test_an_export_applied_to_an_empty_service_gives_the_same_export(ground: Ground, filled: Service) -> None:
    text = filled.output("export")
    empty = ground.open_service("empty", **list_variables(ground, text))
    shown = empty.apply("-", "--yes", stdin=text)
    assert len([line for line in shown.splitlines() if line.startswith("+ ")]) == 11
    assert empty.export() == text.partition("\n")[2]
    for service in (empty, filled):
        before = service.count_events()
        assert NOTHING in service.apply("-", stdin=text)
        assert service.count_events() == before


def test_a_file_that_was_applied_changes_nothing_however_it_is_written(ground: Ground, filled: Service) -> None:
    before = filled.count_events()
    said = filled.apply(ground.write(ground.whole), "--prune")
    assert NOTHING in said
    assert "left as they are, for they cannot be compared: credential, env, parameterValues, secretEnv" in said
    assert filled.count_events() == before


def test_what_a_file_does_not_name_stays_as_it_is(ground: Ground, filled: Service) -> None:
    before = filled.load("export")
    path = ground.write(
        "servers:\n- {name: web, maxParallel: 4}\ntasks:\n- name: backup\n  terms: {missedCap: 7}\n"
        "- name: everywhere\n  fleet: {pauseSeconds: 9}\n"
    )
    assert filled.apply(path, "--dry-run", status=2).splitlines() == [
        "~ server web", "    maxParallel: 3 -> 4",
        "~ task backup", "    terms.missedCap: 100 -> 7",
        "~ task everywhere", "    fleet.pauseSeconds: 5 -> 9",
    ]  # fmt: skip
    assert filled.load("export") == before
    filled.apply(path, "--yes")
    after = filled.load("export")
    before["servers"][1]["maxParallel"] = 4
    tasks = {each["name"]: each for each in before["tasks"]}
    tasks["backup"]["terms"]["missedCap"], tasks["everywhere"]["fleet"]["pauseSeconds"] = 7, 9
    assert after == before
    assert NOTHING in filled.apply(path)
    back = "servers:\n- {name: web, maxParallel: 3}\ntasks:\n- {name: backup, terms: {missedCap: 100}}\n"
    filled.apply(ground.write(f"{back}- {{name: everywhere, fleet: {{pauseSeconds: 5}}}}\n"), "--yes")


def test_only_prune_deletes_and_only_of_the_kinds_in_the_file(ground: Ground) -> None:
    service = ground.open_service("pruned")
    service.apply(ground.write(ground.whole), "--yes")
    path = ground.write("servers:\n- name: bastion\n- {name: 数据库, maxParallel: 2}\ngrants: []\n")
    shown = service.apply(path, "--yes")
    assert (shown.count("\n- "), len(service.load("export")["servers"])) == (0, 3)
    service.apply(ground.write("servers:\n- {name: 数据库, maxParallel: 1}\n", "one.yaml"), "--yes")
    lines = service.apply(path, "--prune", "--yes").splitlines()
    assert lines[:4] == ["- grant of bob on server web", "- grant of bob on tag db", "- server web", "~ server 数据库"]
    found = service.load("export")
    assert [each["name"] for each in found["servers"]] == ["bastion", "数据库"]
    assert (found["grants"], len(found["policies"])) == ([], 1)
    policy = ground.write("policies: []\nservers:\n- name: 数据库\n")
    lines = service.apply(policy, "--prune", "--yes").splitlines()
    assert lines == ["- server bastion", "server bastion is deleted [the database of this machine]"]
    assert service.load("export")["policies"] == []


def test_a_server_that_others_need_is_not_pruned_without_a_word(ground: Ground, filled: Service) -> None:
    path = ground.write("servers:\n- {name: web, jumpServer: bastion}\n- name: 数据库\n")
    said = filled.apply(path, "--prune", "--yes", status=1)
    assert "file.yaml:2: servers[0].jumpServer: --prune would delete server bastion" in said


def test_only_some_kinds_are_applied_if_wanted(ground: Ground, filled: Service) -> None:
    path = ground.write(ground.whole.replace("maxParallel: 3", "maxParallel: 5").replace("LEVEL: 0755", "NEW: 1"))
    assert filled.apply(path, "--only", "tasks", "--dry-run", status=2).splitlines()[:3] == [
        "~ task backup", "    env.NEW: none -> (given)", "    env.LEVEL: (given) -> none",
    ]  # fmt: skip
    shown = filled.apply(path, "--only", "servers,grants", "--dry-run", status=2).splitlines()
    assert shown[:2] == ["~ server web", "    maxParallel: 3 -> 5"]


def test_without_a_terminal_yes_is_needed_and_json_tells_what_became_of_each(ground: Ground) -> None:
    service = ground.open_service("asked")
    path = ground.write(ground.whole)
    said = service.apply(path, "--only", "servers", status=1)
    assert "there is no terminal to ask on, so nothing was changed: add --yes" in said
    assert service.load("server", "list") == []
    rows = json.loads(service.output("apply", path, "--only", "servers", "--yes", "--json"))
    assert [(each["name"], each["action"], each["done"]) for each in rows] == [
        ("bastion", "CREATE", True), ("数据库", "CREATE", True), ("web", "CREATE", True),
    ]  # fmt: skip
    assert json.loads(service.output("apply", path, "--only", "servers", "--json")) == []


def test_on_a_terminal_it_asks_and_hostile_names_do_nothing_to_it(ground: Ground) -> None:
    service = ground.open_service("terminal")
    hostile = '"\\e]0;owned\\a\\e[2J\\u202egnp"'
    path = ground.write(
        f"tasks:\n- {{name: {hostile}, server: {hostile}, cronExpr: '@manual', command: \"a\\n\\e[31mb\\r\\n\"}}\n"
        f"servers:\n- {{name: {hostile}, host: 127.0.0.1, username: {hostile}, credential: {{password: {{env: OWN}}}},"
        f" hostKeys: [{hostile}]}}\n"
    )
    variables = {"NO_COLOR": ""}
    service.commands.variables.update(variables)
    with on_terminal(service.commands, *SSHCAST, "apply", path) as terminal:
        terminal.wait_for(b"[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 1
    shown = terminal.shown.decode()
    colours = ("\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m")
    assert "\x1b[32m+ server gnp\x1b[0m" in shown
    for colour in colours:
        shown = shown.replace(colour, "")
    assert [each for each in "\x1b\x07\u202e\x9b" if each in shown] == []
    assert "nothing was changed" in shown
    assert service.load("server", "list") == []


def test_what_is_refused_is_named_the_rest_goes_on_and_the_next_apply_completes_it(ground: Ground) -> None:
    service = ground.open_service("half")
    text = ground.whole.replace("port: 2222", "port: 70000")
    said = service.apply(ground.write(text), "--yes", status=1)
    web, backup = (text.splitlines().index(line) + 1 for line in ("  - <<: *shared", "  - name: backup"))
    assert f"sshcast: server web ({ground.folder}/file.yaml:{web}): port: port must be 1 to 65535." in said
    assert f"task backup ({ground.folder}/file.yaml:{backup}): it depends on server web, which failed" in said
    assert "): it depends on task backup, which failed" in said
    found = service.load("export")
    assert [each["name"] for each in found["servers"]] == ["bastion", "数据库"]
    assert [each["name"] for each in found["tasks"]] == ["everywhere"]
    assert [each.get("tag") for each in found["grants"]] == ["db"]
    shown = service.apply(ground.write(ground.whole), "--yes").splitlines()
    assert [line for line in shown if line[:2] in ("+ ", "~ ", "- ")] == [
        "+ server web", "+ policy of server web", "+ task backup", "+ task some", "+ policy of task backup",
        "+ grant of bob on server web",
    ]  # fmt: skip
    assert NOTHING in service.apply(ground.write(ground.whole))


def test_credentials_are_needed_for_new_servers_and_sent_to_others_only_when_asked(
    ground: Ground, filled: Service
) -> None:
    moved = ground.whole.replace("{file: key}", "{file: gone}").replace("env: DB_PASSWORD", "env: UNSET")
    path = ground.write(moved)
    assert NOTHING in filled.apply(path)
    said = filled.apply(path, "--update-credentials", "--yes", status=1)
    assert f"file.yaml:3: servers[0].credential.privateKey: cannot read {ground.folder}/gone: No such file" in said
    assert "servers[2].credential.password: the environment variable UNSET is not set" in said
    other = ground.open_service("new")
    said = other.apply(path, "--yes", status=1)
    assert "cannot read" in said
    assert "is not set" in said
    assert other.load("server", "list") == []
    before = filled.export()
    shown = filled.apply(ground.write(ground.whole), "--update-credentials", "--yes")
    assert "    credential.privateKey: (changed)" in shown.replace("none -> ", "")
    assert "    secretEnv.OWN: (given) -> (changed)" in shown
    assert filled.export() == before


def test_a_policy_that_ended_is_set_again_only_for_a_command_in_the_file(ground: Ground) -> None:
    service = ground.open_service("policies")
    service.apply(ground.write(ground.whole), "--yes")
    service.output("task", "set", "backup", "--", "echo other")
    path = ground.write("policies:\n- {task: backup, allow: [fs.*]}\n")
    assert "what the policy of task backup allows no longer applies" in service.apply(path)
    shown = service.apply(ground.write(ground.whole), "--yes").splitlines()
    assert [line for line in shown if line[:2] in ("+ ", "~ ", "- ")] == ["~ task backup", "~ policy of task backup"]
    assert "    allow: no longer applies -> applies again" in shown
    assert "holds" not in service.export()
    assert service.load("policy", "show", "--task", "backup")["holds"] is True
    assert NOTHING in service.apply(ground.write(ground.whole))


def test_a_service_elsewhere_is_changed_in_the_same_way(remote: Remote, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(
        "tasks:\n- {name: nightly, server: demo, cronExpr: '@manual', command: uptime}\n"
        "servers:\n- {name: demo, tags: [one, two]}\n"
        "policies:\n- {server: demo, allow: [fs.*]}\n"
    )
    assert remote.within("apply", str(path), "--dry-run").returncode == 2
    done = remote.within("apply", str(path), "--yes")
    assert done.returncode == 0, done.stderr
    assert f"task nightly is added [{remote.url}]" in done.stderr.decode()
    before = remote.output("audit", "list", "-n", "1000", "--json")
    exported = remote.output("export")
    assert f"# sshcast export of {remote.url}, " in exported
    again = remote.within("apply", str(path), "-", stdin=exported.replace("- name: nightly", "- name: other", 1))
    assert (again.returncode, again.stdout) == (1, b"")
    assert f"servers[0]: demo stands there twice, also at {path}:4" in again.stderr.decode()
    whole = remote.within("apply", "-", "--prune", stdin=exported)
    assert (whole.returncode, f"nothing to change [{remote.url}]" in whole.stderr.decode()) == (0, True)
    assert remote.output("audit", "list", "-n", "1000", "--json") == before
    assert not remote.commands.data.exists()
