"""Runs on many servers: `sshcast run --tag …` and `sshcast fleet …`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sshcast.remote.api import GraphQLAnswer
from sshcast.remote.fleet_progress import FleetProgress
from sshcast.remote.fleet_running import TermInvalid, build_terms
from sshcast.remote.http_api import HttpClient
from tests.support.commands import Commands
from tests.support.enrolled import commands, interrupt_fleet_run, openssh
from tests.support.signed_in import signed_in_by_tls
from tests.support.targets import Target

__all__ = ["commands", "openssh"]

SERVERS = "{ servers(first: 100) { nodes { id name } } }"
SET_TAGS = """
mutation Tag($id: ID!, $tags: [String!]!, $enabled: Boolean) {
  updateServer(input: {id: $id, tags: $tags, enabled: $enabled}) { errors { code field message } server { id } }
}
"""
# Each run takes a number of its own from a folder, so that one of three answers differently.
ONE_DIFFERS = (
    "n=0; until mkdir {folder}/$n 2>/dev/null; do n=$((n+1)); done; "
    "[ $n -gt 0 ] && echo same || {{ echo odd; exit 4; }}"
)


@pytest.fixture(scope="module")
def client(commands: Commands, openssh: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """`web` alone, and three servers with the tag `many`, which are all one machine; `off` is tagged and disabled."""
    where = ["--host", openssh.host, "--port", str(openssh.port), "--user", openssh.username]
    key = ["--key", str(openssh.folder / "user"), "--host-key", openssh.host_key]
    for name in ("a", "b", "c", "off"):
        assert commands.within("server", "add", name, *where, *key).returncode == 0
    folder = tmp_path_factory.mktemp("client")
    with commands.serving() as url, signed_in_by_tls(commands, url, folder) as found:
        tag(commands, url)
        yield found


def tag(service: Commands, url: str) -> None:
    """Give the servers their tags, and disable one."""
    http, token = HttpClient(url), service.output("token", "alice")
    found = GraphQLAnswer(http.post("/graphql", {"query": SERVERS}, token)).read(url)["servers"]["nodes"]
    ids = {each["name"]: each["id"] for each in found}
    for name, tags in (("a", ["many", "first"]), ("b", ["many"]), ("c", ["many"]), ("off", ["some-off"])):
        variables = {"id": ids[name], "tags": tags, "enabled": name != "off"}
        GraphQLAnswer(http.post("/graphql", {"query": SET_TAGS, "variables": variables}, token)).read(url)
    http.close()


def run(client: Commands, *args: str, status: int = 0) -> "subprocess.CompletedProcess[bytes]":
    done = client.within(*args)
    assert done.returncode == status, done.stderr.decode()
    return done


def read_json(client: Commands, *args: str, status: int = 0) -> Any:
    place = args.index("--") if "--" in args else len(args)
    return json.loads(run(client, *args[:place], "--json", *args[place:], status=status).stdout)


def test_a_plan_shows_where_it_would_run_and_starts_nothing(client: Commands) -> None:
    before = run(client, "fleet", "list").stdout
    plan = run(client, "run", "--tag", "many", "--plan", "--", "uptime")
    assert [line.split(b"\t")[0] for line in plan.stdout.splitlines()] == [b"a", b"b", b"c"]
    assert plan.stderr.startswith(b"3 servers, 0 of them refused; nothing was started")
    found = read_json(client, "run", "--any-tag", "many", "--exclude-tag", "first", "--plan", "--", "uptime")
    assert [each["server"]["name"] for each in found["servers"]] == ["b", "c"]
    assert len(found["digest"]) == 64
    assert run(client, "fleet", "list").stdout == before


def test_equal_answers_are_together_and_the_odd_one_is_first(client: Commands, tmp_path: Path) -> None:
    done = run(client, "run", "--tag", "many", "--batch", "1", "--", ONE_DIFFERS.format(folder=tmp_path), status=1)
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("== a (1): FAILED, exit status 4; execution ")
    assert lines[1] == "odd"
    assert lines[2].startswith("== b, c (2): SUCCESS, exit status 0; execution ")
    assert lines[3:] == ["same"]
    assert b"[FAILED; 3 servers: 2 success, 1 failed] fleet run " in done.stderr


def test_all_that_succeed_exit_with_0_and_one_word_after_the_tag_is_the_command(client: Commands) -> None:
    done = run(client, "run", "--tag", "many", "hostname >/dev/null; echo ok")
    assert done.stdout.decode().splitlines()[1] == "ok"
    found = read_json(client, "run", "--server", "a", "--server", "c", "--", "echo", "x y")
    assert (found["state"], found["command"], found["counts"]["success"]) == ("SUCCESS", "echo 'x y'", 2)
    assert [group["text"] for group in found["groups"]] == ["x y\n"]


def test_after_enough_failures_nothing_more_is_started(client: Commands) -> None:
    options = ("--tag", "many", "--batch", "1", "--stop-after", "1")
    found = read_json(client, "run", *options, "--", "exit 1", status=1)
    assert (found["state"], found["counts"]["failed"], found["counts"]["notStarted"]) == ("STOPPED", 1, 2)
    assert [each["state"] for each in found["notRun"]] == ["NOT_STARTED", "NOT_STARTED"]


def test_a_server_that_is_refused_is_named_and_nothing_is_started_unless_it_is_skipped(client: Commands) -> None:
    options = ("--any-tag", "many", "--any-tag", "some-off")
    done = run(client, "run", *options, "--", "true", status=2)
    assert done.stderr.decode().splitlines()[0].startswith("off: ")
    skipped = run(client, "run", *options, "--skip-refused", "--", "true", status=1)
    assert b"3 success, 1 refused" in skipped.stderr


def test_retry_starts_anew_where_it_did_not_succeed(client: Commands, tmp_path: Path) -> None:
    command = ONE_DIFFERS.format(folder=tmp_path)
    first = read_json(client, "run", "--tag", "many", "--batch", "1", "--", command, status=1)
    again = read_json(client, "fleet", "retry", first["id"])
    assert (again["retryOf"]["id"], again["counts"]["size"], again["state"]) == (first["id"], 1, "SUCCESS")
    shown = read_json(client, "fleet", "show", first["id"])
    assert [each["server"]["name"] for each in shown["members"]] == ["a", "b", "c"]
    assert run(client, "fleet", "watch", first["id"], status=1).stdout.startswith(b"== a (1): FAILED")
    listed = read_json(client, "fleet", "list", "--state", "failed", "-n", "100")
    assert first["id"] in [each["id"] for each in listed]
    lines = run(client, "fleet", "show", first["id"]).stdout.decode().splitlines()
    assert "\t".join(["a", "FAILED", shown["members"][0]["executionId"], "4", "EXIT_STATUS"]) in lines


def test_an_interrupt_cancels_it_and_shows_how_it_ended(client: Commands) -> None:
    shown, told = interrupt_fleet_run(client, "--tag", "many", "--", "echo begun; sleep 60")
    assert told.splitlines()[0] == "cancelling; Ctrl-C once more leaves at once"
    assert "[CANCELLED; 3 servers: 3 cancelled]" in told
    assert "CANCELLED" in shown


@pytest.mark.parametrize("text", ["0", "ten", "10%%", "-1", "1.5", ""])
def test_a_size_that_is_no_number_and_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(TermInvalid, match=r"--batch takes a number of servers, or a percentage"):
        build_terms(text, None, None, skips_refused=False)


def test_progress_counts_each_execution_once() -> None:
    progress = FleetProgress(3, is_quiet=True)
    for id, state in (("1", "PENDING"), ("1", "RUNNING"), ("2", "RUNNING"), ("1", "SUCCESS"), ("2", "TIMEOUT")):
        assert not progress.show({"kind": "EXECUTION", "executionId": id, "state": state})
    assert progress.format() == "2 of 3 ended, 1 did not succeed, 0 running"
    assert progress.show({"kind": "FLEET_RUN_ENDED"})
