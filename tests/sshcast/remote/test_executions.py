"""`sshcast execution …`: the record of what ran, and running it again."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sshcast.remote.nouns.execution_retry import list_differences
from tests.support.remote import Remote
from tests.support.remote_api import run_command
from tests.support.terminal import on_terminal

SSHCAST = (sys.executable, "-m", "sshcast")


def list_ids(remote: Remote, *options: str) -> list[str]:
    return [each["id"] for each in json.loads(remote.output("execution", "list", "--json", *options))]


@pytest.fixture(scope="module")
def failed(remote: Remote) -> str:
    return run_command(remote, "echo 'an Error of the disk'; echo after; exit 3 # fails")


def test_the_list_is_narrowed_by_each_option(remote: Remote, failed: str) -> None:
    for options in (
        ("--state", "failed"),
        ("--state", "FAILED", "--state", "timeout"),
        ("--reason", "exit-status", "--state", "failed"),
        ("--command", "exit 3 # fails"),
        ("--trigger", "api", "--server", "demo", "--server", "1"),
        ("--user", "me", "--state", "failed"),
        ("--user", "admin", "--since", "1h", "--state", "failed"),
    ):
        assert list_ids(remote, *options) == [failed], options
    for options in (
        ("--state", "timeout"),
        ("--reason", "lost"),
        ("--task", "A command that fails"),
        ("--until", "1h"),
        ("--since", "2999-01-01"),
        ("--tag", "no-such-tag"),
        ("--fleet", "999"),
        ("--command", "EXIT 3"),
        ("--trigger", "schedule"),
    ):
        assert list_ids(remote, *options) == [], options
    assert failed in list_ids(remote, "--until", "2999-01-01T00:00+08:00")
    assert remote.output("runs", "list", "--state", "failed") == remote.output("execution", "list", "--state", "failed")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--state", "bad"), "--state bad: this is none of pending, running, success"),
        (("--reason", "bad"), "--reason bad: this is none of auth-failed,"),
        (("--trigger", "bad"), "--trigger bad: this is none of api, cli"),
        (("--since", "yesterday-ish"), "--since yesterday-ish: this is no moment; write 90s"),
        (("--since", "999999999w"), "this is no moment"),
        (("--server", "nowhere"), "there is no server nowhere"),
        (("--task", "nothing"), "there is no task nothing"),
        (("--user", "nobody"), "there is no user nobody"),
    ],
)
def test_what_selects_nothing_that_there_is_says_so(remote: Remote, options: tuple[str, ...], word: str) -> None:
    assert word in remote.refusal("execution", "list", *options)


def test_an_execution_is_shown_with_the_end_of_its_output(remote: Remote, failed: str) -> None:
    shown = remote.output("execution", "show", failed)
    assert "exit status: 3" in shown
    assert "after" not in shown.replace(" # fails", "").split("command:")[0]
    assert remote.output("execution", "show", failed, "--lines", "1").endswith("\n…\nafter")
    assert remote.output("execution", "show", failed, "--output").endswith("\nan Error of the disk\nafter")
    found = json.loads(remote.output("execution", "show", failed, "--output", "--json"))
    assert found["output"] == {"text": "an Error of the disk\nafter\n", "hasBefore": False}
    assert "there is no execution 99999" in remote.refusal("execution", "show", "99999")


def test_a_search_prints_lines_as_grep_does(remote: Remote, failed: str) -> None:
    assert remote.output("execution", "search", "an Error") == f"{failed}:1:an Error of the disk"
    assert remote.output("execution", "search", "--in", failed, "-i", "-E", "E.R[o]r") == (
        f"{failed}:1:an Error of the disk"
    )
    with_context = remote.output("execution", "search", "an Error", "-C", "1", "--state", "failed")
    assert with_context == f"{failed}:1:an Error of the disk\n{failed}-2-after"
    found = json.loads(remote.output("execution", "search", "an Error", "--json"))
    assert [(each["execution"]["id"], each["match"]["ranges"]) for each in found] == [
        (failed, [{"start": 0, "end": 8}])
    ]
    nothing = remote.within("execution", "search", "an error")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (1, b"", b"")


def test_a_search_of_what_is_not_there_or_cannot_be_read_is_refused(remote: Remote, failed: str) -> None:
    assert "no execution 99999" in remote.refusal("execution", "search", "x", "--in", "99999")
    assert "--in names one" in remote.refusal("execution", "search", "x", "--in", failed, "--server", "demo")
    assert "pattern" in remote.refusal("execution", "search", "(", "-E", status=2)


def test_a_search_goes_over_all_pages_up_to_its_number(remote: Remote) -> None:
    execution = run_command(remote, "i=0; while [ $i -lt 250 ]; do i=$((i+1)); echo needle $i; done")
    lines = remote.output("execution", "search", "needle", "--in", execution, "-n", "1000").splitlines()
    assert lines == [f"{execution}:{number}:needle {number}" for number in range(1, 251)]
    some = remote.within("execution", "search", "needle", "--in", execution, "-n", "130")
    assert len(some.stdout.splitlines()) == 130
    assert b"there is more: only 130 lines are shown" in some.stderr


def test_on_a_terminal_matches_are_marked_and_nothing_of_the_output_controls_it(remote: Remote) -> None:
    execution = run_command(remote, r"printf 'one \033]0;title\007 hay\033[2Jstack two\n'")
    coloured = replace(remote.commands, variables=remote.commands.variables | {"NO_COLOR": ""})
    with on_terminal(coloured, *SSHCAST, "execution", "search", "stack", "--in", execution) as terminal:
        assert terminal.end() == 0
    heading, line = terminal.shown.splitlines()
    assert heading.startswith(b"\x1b[1m" + execution.encode() + b"  SUCCESS  demo")
    assert line == b"\x1b[2m1:\x1b[0mone  hay\x1b[1;31mstack\x1b[0m two"


def test_executions_are_cancelled_and_waited_for(remote: Remote, failed: str) -> None:
    running = [run_command(remote, "sleep 300", wait=0) for _ in range(2)]
    done = json.loads(remote.output("execution", "cancel", *running, "--wait", "--json"))
    assert [(each["id"], each["state"]) for each in done] == [(id, "CANCELLED") for id in running]
    another = run_command(remote, "sleep 300", wait=0)
    said = remote.within("execution", "cancel", failed, another, "--wait")
    assert said.returncode == 2
    assert f"execution {another}: [CANCELLED".encode() in said.stderr
    assert said.stderr.endswith(f"Execution {failed} has ended already: there is nothing to cancel.\n".encode())


def test_a_command_is_repeated_on_its_server_with_its_settings(remote: Remote) -> None:
    options: dict[str, Any] = {"workingDir": "/tmp", "timeoutSeconds": 77, "outputLimitBytes": 5000}
    options |= {"onOutputLimit": "TRUNCATE", "mergeStreams": True}
    first = run_command(remote, "pwd", **options)
    second = remote.output("execution", "retry", first)
    assert int(second) > int(first)
    found = [json.loads(remote.output("execution", "show", id, "--json")) for id in (first, second)]
    for name in ("command", "workingDir", "timeoutSeconds", "outputLimitBytes", "onOutputLimit", "mergeStreams"):
        assert found[0][name] == found[1][name], name
    waited = remote.within("execution", "retry", first, "--wait")
    assert (waited.returncode, waited.stdout) == (0, b"/tmp\n")


def test_the_status_of_a_repeated_run_that_is_waited_for_is_the_command_s(remote: Remote, failed: str) -> None:
    done = remote.within("execution", "retry", failed, "--wait")
    assert done.returncode == 3
    assert json.loads(remote.within("execution", "retry", failed, "--wait", "--json").stdout)["exitCode"] == 3


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"stdin": "aGVsbG8="}, "its standard input is not kept; give it again with `sshcast run --stdin`"),
        ({"env": [{"name": "A", "value": "1"}]}, "the values of its variables are not shown (A)"),
        ({"secretEnv": [{"name": "KEY", "value": "a secret"}]}, "its secret values are not kept (KEY)"),
    ],
)
def test_what_is_not_kept_is_not_repeated(remote: Remote, more: dict[str, Any], word: str) -> None:
    execution = run_command(remote, "true", **more)
    before = len(list_ids(remote, "-n", "1000"))
    said = remote.refusal("execution", "retry", execution, status=2)
    assert word in said
    assert len(list_ids(remote, "-n", "1000")) == before


def test_a_task_is_repeated_as_it_is_now_with_the_same_parameters(remote: Remote) -> None:
    remote.output("task", "add", "repeated", "--server", "demo", "--param", "WHO:string?", "--", 'echo "old $WHO"')
    first = remote.output("task", "run", "repeated", "-p", "WHO=you", "--wait", "--json")
    id = json.loads(first)["id"]
    same = remote.within("execution", "retry", id, "--wait")
    assert same.stdout == b"old you\n"
    assert b"changed since" not in same.stderr
    remote.output("task", "set", "repeated", "--timeout", "55", "--", 'echo "new $WHO"')
    other = remote.within("execution", "retry", id, "--wait")
    assert other.stdout == b"new you\n"
    assert f"changed since execution {id}: command, time limit".encode() in other.stderr
    remote.output("task", "rm", "repeated", "--yes")
    assert "its task was deleted" in remote.refusal("execution", "retry", id, status=2)


def test_a_run_with_a_secret_parameter_is_not_repeated(remote: Remote) -> None:
    remote.output("task", "add", "hidden", "--server", "demo", "--param", "KEY:secret", "--", 'echo "$KEY"')
    ran = remote.within("task", "run", "hidden", "--param-file", "KEY=-", "--wait", "--json", stdin="a secret word\n")
    found = json.loads(ran.stdout)
    assert found["parameters"] == [{"name": "KEY", "value": None, "secret": True}]
    assert "a secret word" not in remote.output("execution", "show", found["id"], "--output")
    said = remote.refusal("execution", "retry", found["id"], status=2)
    assert re.search(r"its secret parameters are not kept \(KEY\).*task run [0-9]+ --param-file KEY=FILE", said)


def test_a_difference_of_a_task_is_named_whatever_it_is() -> None:
    names = ("command", "serverId", "workingDir", "envNames", "secretEnv", "timeoutSeconds", "outputLimitBytes")
    old: dict[str, Any] = dict.fromkeys((*names, "onOutputLimit", "mergeStreams"), "x") | {"envNames": ["A", "B"]}
    assert list_differences(old, old | {"envNames": ["B", "A"]}) == []
    for name in old:
        assert len(list_differences(old, old | {name: "y"})) == 1, name


def test_without_a_context_the_local_database_is_read(remote: Remote, tmp_path: Path) -> None:
    local = replace(remote.commands, data=tmp_path / "data", variables={"XDG_CONFIG_HOME": str(tmp_path)})
    local.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    assert local.output("execution", "list", "--user", "me") == ""
    assert local.output("task", "list", "--json") == "[]"
    assert local.run("execution", "search", "x").returncode == 1
