"""`sshcast export`: what a service has, as a file for git."""

import json
from pathlib import Path

import pytest

from tests.support.manifests import OWN, SECRET, Ground, Service


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def filled(ground: Ground) -> Service:
    service = ground.open_service("filled")
    service.apply(ground.write(ground.whole), "--yes")
    return service


def test_no_secret_and_no_id_is_exported(ground: Ground, filled: Service) -> None:
    text = filled.output("export")
    key = (ground.folder / "key").read_text().splitlines()[1]
    assert [each for each in (SECRET, OWN, key, "PRIVATE KEY-----", "id:") if each in text] == []
    assert "credential:\n      privateKey: {env: WEB_PRIVATE_KEY}\n" in text
    assert "OWN: {env: BACKUP_OWN}\n" in text
    assert "DB: {secret: db}\n" in text
    assert "jumpServer: bastion\n" in text


def test_two_exports_differ_in_their_first_line_at_most(filled: Service) -> None:
    texts = [filled.output("export") for _ in range(2)]
    assert texts[0].startswith("# sshcast export of the database of this machine, 20")
    assert len({text.partition("\n")[2] for text in texts}) == 1


def test_servers_that_a_task_has_chosen_by_id_are_exported_by_name(filled: Service) -> None:
    tasks = {each["name"]: each for each in filled.load("export")["tasks"]}
    assert tasks["some"]["selector"] == {"servers": ["bastion", "web"]}


def test_a_file_is_written_and_only_some_kinds_if_wanted(filled: Service, tmp_path: Path) -> None:
    path = tmp_path / "out.yaml"
    said = filled.within("export", "--only", "grants,servers", str(path))
    assert (said.returncode, said.stdout) == (0, b"")
    assert f"5 objects are written to {path}" in said.stderr.decode()
    assert [line for line in path.read_text().splitlines() if line.endswith("s:") and line[0] != " "] == [
        "servers:",
        "grants:",
    ]
    done = filled.within("export", "--only", "server")
    assert (done.returncode, b"server is none of servers, policies, tasks, grants" in done.stderr) == (1, True)


def test_a_user_exports_what_they_may_see(filled: Service) -> None:
    found = json.loads(filled.output("export", "--json", "--as", "bob"))
    assert [each["name"] for each in found["servers"]] == ["web"]
    assert [each["name"] for each in found["tasks"]] == ["backup"]
    assert [each["user"] for each in found["grants"]] == ["bob", "bob"]


def test_names_that_are_alike_get_variables_of_their_own(ground: Ground) -> None:
    service = ground.open_service("alike")
    server = "{{name: {}, host: 127.0.0.1, username: root, hostKeys: [{}], credential: {{password: {{env: OWN}}}}}}"
    lines = "".join(f"- {server.format(name, ground.public)}\n" for name in ("a-b", "a_b", "1", "数", "据"))
    service.apply(ground.write(f"servers:\n{lines}", "alike.yaml"), "--yes")
    found = [each["credential"]["password"]["env"] for each in service.load("export")["servers"]]
    assert found == ["_1_PASSWORD", "A_B_PASSWORD", "A_B_2_PASSWORD", "UNNAMED_PASSWORD", "UNNAMED_2_PASSWORD"]


def test_tasks_that_share_a_name_are_refused_and_those_of_deleted_servers_left_out(ground: Ground) -> None:
    service = ground.open_service("twins")
    service.apply(ground.write(ground.whole), "--yes")
    ids = [service.output("task", "add", "twin", "--server", "bastion", "--", "true").strip() for _ in range(2)]
    done = service.within("export")
    assert done.returncode == 1
    assert f"several tasks are called twin ({', '.join(ids)})" in done.stderr.decode()
    said = service.apply(
        ground.write("tasks:\n- {name: some}\n- {name: twin, command: ls}\n", "twin.yaml"), "--yes", status=1
    )
    assert f"twin.yaml:3: tasks[1]: several tasks of the service have this name ({', '.join(ids)})" in said
    assert "server" in service.output("export", "--only", "servers")
    service.output("task", "rm", *ids, "--yes")
    service.output("server", "rm", "web", "--yes")
    done = service.within("export", "--json")
    assert "not exported: the servers of task some, chosen by id: " in done.stderr.decode()
    found = json.loads(done.stdout)
    assert [each["name"] for each in found["tasks"]] == ["everywhere", "some"]
    assert [each.get("task") or each.get("server") for each in found["policies"]] == ["bastion"]
    assert [each.get("tag") for each in found["grants"]] == ["db"]
