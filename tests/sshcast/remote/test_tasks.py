"""`sshcast task …`: named commands with a schedule."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.nouns.task_columns import format_place
from sshcast.remote.nouns.task_options import parse_parameter
from tests.support.remote import Remote
from tests.support.terminal import on_terminal

SSHCAST = (sys.executable, "-m", "sshcast")


def load(remote: Remote, task: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(remote.output("task", "show", task, "--json"))
    return found


def add(remote: Remote, name: str, *options: str) -> str:
    return remote.output("task", "add", name, "--server", "demo", *options)


def test_a_task_is_added_with_all_that_it_may_have(remote: Remote, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/bash\necho $A\n")
    options = ["--file", str(script), "--cron", "30 2 * * MON-FRI", "--timezone", "Europe/Berlin", "--timeout", "60"]
    options += ["--output-limit", "5000", "--on-output-limit", "truncate", "--merge-streams", "--env", "A=1=2"]
    options += ["--env", "B=", "--dir", "/tmp", "--run-mode", "attached", "--param", "DAYS:integer=30"]
    options += ["--param", "LEVEL:low|high", "-p", "LEVEL=low", "--overlap", "skip", "--missed", "all"]
    options += ["--missed-cap", "5", "--missed-window", "3600", "--dst", "twice", "--jitter", "7"]
    options += ["--start-deadline", "90", "--retries", "2", "--retry-delay", "9", "--retry-on", "lost"]
    options += ["--retry-on", "unreachable", "--shadow", "--disabled"]
    id = add(remote, "whole", *options)
    found = load(remote, "whole")
    terms = {"overlap": "SKIP", "missed": "ALL", "missedCap": 5, "missedWindowSeconds": 3600, "dst": "TWICE"}
    terms |= {"jitterSeconds": 7, "startDeadlineSeconds": 90, "retryLimit": 2, "retryDelaySeconds": 9}
    assert {"retryOn": sorted(found["terms"].pop("retryOn")), **found["terms"]} == {
        "retryOn": ["LOST", "UNREACHABLE"],
        **terms,
    }
    expected = {"id": id, "command": "#!/bin/bash\necho $A\n", "cronExpr": "30 2 * * MON-FRI", "enabled": False}
    expected |= {"timezone": "Europe/Berlin", "timeoutSeconds": 60, "outputLimitBytes": 5000, "mergeStreams": True}
    expected |= {"onOutputLimit": "TRUNCATE", "envNames": ["A", "B"], "workingDir": "/tmp", "runMode": "ATTACHED"}
    expected |= {"scheduleMode": "SHADOW"}
    assert {name: found[name] for name in expected} == expected
    assert [(each["name"], each["type"], each["required"], each["default"]) for each in found["parameters"]] == [
        ("DAYS", "INTEGER", False, "30"),
        ("LEVEL", "CHOICE", True, None),
    ]
    assert {each["name"]: each["value"] for each in found["parameterValues"]} == {"DAYS": "30", "LEVEL": "low"}


def test_after_adding_the_next_five_slots_are_told(remote: Remote) -> None:
    done = remote.within("task", "add", "preview", "--server", "demo", "--cron", "0 9 1 * *", "--timezone",
                         "Asia/Tokyo", "--", "true")  # fmt: skip
    told = [line for line in done.stderr.decode().splitlines() if line.startswith("next due ")]
    assert len(told) == 5
    assert all(line.endswith("-01 09:00:00+09:00 Asia/Tokyo") for line in told)
    assert done.stdout.decode().strip() == load(remote, "preview")["id"]


def test_a_change_leaves_alone_what_it_does_not_name(remote: Remote) -> None:
    add(remote, "kept", "--cron", "@daily", "--env", "A=1", "--dir", "/tmp", "--overlap", "queue", "--retries", "3",
        "--", "echo", "two words")  # fmt: skip
    before = load(remote, "kept")
    assert before["command"] == "echo 'two words'"
    done = remote.within("task", "set", "kept", "--timeout", "99", "--jitter", "5")
    assert b"next due" not in done.stderr
    after = load(remote, "kept")
    assert after["terms"] == before["terms"] | {"jitterSeconds": 5}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"timeoutSeconds", "terms", "updatedAt", "nextRuns", "nextRun"} & (
        changed | {"timeoutSeconds", "terms", "updatedAt"}
    )
    remote.output("task", "set", "kept", "--clear", "env", "--clear", "dir", "--start-deadline", "60")
    remote.output("task", "set", "kept", "--start-deadline", "0", "--name", "renamed")
    cleared = load(remote, "renamed")
    assert (cleared["envNames"], cleared["workingDir"]) == ([], None)
    assert cleared["terms"]["startDeadlineSeconds"] is None
    assert "there is no task kept" in remote.refusal("task", "show", "kept")


def test_a_fleet_task_is_placed_by_tags_and_keeps_its_other_terms(remote: Remote) -> None:
    id = remote.output("task", "add", "fleet", "--tag", "web", "--exclude-tag", "old", "--batch", "10%", "--pause",
                       "5", "--", "true")  # fmt: skip
    assert load(remote, id)["fleet"] == {
        "batchSize": {"number": None, "percent": 10},
        "pauseSeconds": 5,
        "stopAfter": None,
        "onRefused": "SKIP",
    }
    remote.output("task", "set", "fleet", "--stop-after", "3")
    found = load(remote, "fleet")
    assert found["fleet"]["batchSize"] == {"number": None, "percent": 10}
    assert found["fleet"]["stopAfter"] == {"number": 3, "percent": None}
    assert "[all of web; none of old]" in remote.output("task", "list", "--name", "fleet")
    remote.output("task", "set", "fleet", "--server", "demo")
    assert load(remote, "fleet")["server"]["name"] == "demo"


def test_a_task_that_selects_every_server_says_so() -> None:
    selector = {"byIds": False, "nameContains": "", "tagsAll": None, "tagsAny": None, "tagsNone": None}
    assert format_place({"selector": selector, "server": None}) == "[every server]"


def test_a_task_runs_with_values_and_its_status_is_the_command_s(remote: Remote) -> None:
    add(remote, "adder", "--param", "N:integer", "--param", "TEXT:string?=none", "--", 'echo "$N $TEXT"; exit "$N"')
    done = remote.within("task", "run", "adder", "-p", "N=4", "-p", "TEXT=a=b c", "--wait", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (4, b"4 a=b c\n", b"")
    started = remote.output("task", "run", "adder", "-p", "N=0")
    assert started.isdigit()
    assert json.loads(remote.output("task", "run", "adder", "-p", "N=0", "--wait", "--json"))["state"] == "SUCCESS"
    assert "parameters" in remote.refusal("task", "run", "adder", status=2)
    assert "--param N: this name is given twice" in remote.refusal("task", "run", "adder", "-p", "N=1", "-p", "N=2")


def test_the_list_marks_what_starts_nothing(remote: Remote) -> None:
    for name in ("mark on", "mark off", "mark paused", "mark shadow"):
        add(remote, name, "--cron", "@daily", "--", "true")
    remote.output("task", "disable", "mark off")
    remote.output("task", "pause", "mark paused", "--until", "3h")
    remote.output("task", "set", "mark shadow", "--shadow")

    def list_marks(*options: str) -> dict[str, str]:
        lines = remote.output("task", "list", "--name", "MARK", *options).splitlines()
        return {cells[1]: cells[4].partition(" until")[0] for line in lines if (cells := line.split("\t"))}

    marks = {"mark off": "disabled", "mark on": "", "mark paused": "paused", "mark shadow": "shadow"}
    assert list_marks() == marks
    assert list(list_marks("--disabled")) == ["mark off"]
    assert list(list_marks("--shadow")) == ["mark shadow"]
    assert list(list_marks("--enabled", "--active")) == ["mark on", "mark paused"]
    assert list_marks("--user", "me", "--server", "demo") == marks
    until = datetime.fromisoformat(load(remote, "mark paused")["pausedUntil"])
    assert abs(until - datetime.now(UTC) - timedelta(hours=3)) < timedelta(minutes=5)
    done = json.loads(remote.output("task", "enable", "mark off", "mark on", "--json"))
    assert [each["enabled"] for each in done] == [True, True]
    remote.output("task", "resume", "mark paused")
    assert list_marks() == marks | {"mark off": "", "mark paused": ""}


def test_nothing_is_changed_if_one_of_the_names_is_unknown(remote: Remote) -> None:
    add(remote, "untouched", "--cron", "@daily", "--", "true")
    assert "there is no task missing" in remote.refusal("task", "disable", "untouched", "missing")
    assert load(remote, "untouched")["enabled"] is True


def test_a_name_that_several_tasks_have_is_refused_with_their_ids(remote: Remote) -> None:
    ids = [add(remote, "twin", "--", "true") for _ in range(2)]
    assert f"give the id of one of them, {', '.join(ids)}" in remote.refusal("task", "show", "twin")
    assert load(remote, ids[1])["id"] == ids[1]


def test_a_task_is_deleted_after_a_question_only(remote: Remote) -> None:
    add(remote, "doomed", "--", "true")
    assert "add --yes" in remote.refusal("task", "rm", "doomed")
    for answer, status in (("n", 1), ("y", 0)):
        with on_terminal(remote.commands, *SSHCAST, "task", "rm", "doomed") as terminal:
            terminal.wait_for(b"[y/N]")
            assert load(remote, "doomed")
            terminal.type(f"{answer}\n")
            assert terminal.end() == status
        assert b"Delete doomed (" in terminal.shown
    assert "there is no task doomed" in remote.refusal("task", "show", "doomed")


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("add", "x", "--server", "demo"), "what is it to run?"),
        (("add", "x", "--", "true"), "where is it to run?"),
        (("add", "x", "--server", "demo", "--tag", "web", "--", "true"), "give --server, or the tags"),
        (("add", "x", "--server", "demo", "--env", "A", "--", "true"), "--env A: write it as NAME=VALUE"),
        (("add", "x", "--server", "demo", "--env", "A=1", "--env", "A=2", "--", "true"), "given twice"),
        (("add", "x", "--server", "demo", "--overlap", "maybe", "--", "true"), "none of allow, skip, queue"),
        (("add", "x", "--tag", "web", "--batch", "ten", "--", "true"), "--batch ten: write a number such as 5"),
        (("add", "x", "--server", "demo", "--file", "/nowhere", "--"), "--file /nowhere: it cannot be read"),
        (("add", "x", "--server", "demo", "--file", "-", "--", "true"), "give the command after --, or its file"),
        (("add", "x", "--server", "demo", "--params-file", "-", "--", "true"), "it is not JSON"),
        (("set", "1"), "nothing was given to change"),
        (("set", "1", "--clear", "all"), "--clear all: this is none of dir, env"),
        (("set", "1", "--clear", "dir", "--dir", "/"), "--clear dir: it is given too"),
        (("pause", "1", "--until", "soon"), "--until soon: this is no moment"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_changed(
    remote: Remote, args: tuple[str, ...], word: str
) -> None:
    assert word in remote.refusal("task", *args)


def test_what_the_service_refuses_is_told_with_its_field(remote: Remote) -> None:
    said = remote.refusal("task", "add", "x", "--server", "demo", "--cron", "61 * * * *", "--", "true", status=2)
    assert said.startswith("sshcast: cronExpr: minute: '61'")
    assert "privilege.sudo" in remote.refusal("task", "add", "x", "--server", "demo", "--", "sudo ls", status=2)


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("DIR", {"name": "DIR", "type": "STRING", "required": True}),
        ("DIR?", {"name": "DIR", "type": "STRING", "required": False}),
        ("DIR=/a:b=c?", {"name": "DIR", "type": "STRING", "default": "/a:b=c?"}),
        ("N:integer=1", {"name": "N", "type": "INTEGER", "default": "1"}),
        ("N:integer?", {"name": "N", "type": "INTEGER", "required": False}),
        ("L:a|b", {"name": "L", "type": "CHOICE", "options": ["a", "b"], "required": True}),
        ("L:a|b=b", {"name": "L", "type": "CHOICE", "options": ["a", "b"], "default": "b"}),
        ("K:secret", {"name": "K", "type": "SECRET", "required": True}),
    ],
)
def test_a_parameter_is_written_in_one_word(text: str, parameter: dict[str, Any]) -> None:
    assert parse_parameter(text) == parameter


@pytest.mark.parametrize("text", ["", "=x", ":integer", "N:number"])
def test_what_is_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^--param"):
        parse_parameter(text)
