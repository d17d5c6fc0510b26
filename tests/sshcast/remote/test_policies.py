"""`sshcast policy …`: what the command policy says of a command, and what admins set."""

import json
import sys
from pathlib import Path

import pytest

from sshcast.remote.nouns.policy_findings import mark_finding
from tests.support.remote import Remote
from tests.support.terminal import on_terminal

SSHCAST = (sys.executable, "-m", "sshcast")


def test_a_command_that_is_allowed_and_one_that_is_refused(remote: Remote) -> None:
    allowed = remote.within("policy", "check", "--server", "demo", "--", "ls", "-l")
    assert (allowed.returncode, allowed.stdout) == (0, b"")
    assert b"it would be accepted" in allowed.stderr
    refused = remote.within("policy", "check", "--", "echo hi; sudo ls")
    assert refused.returncode == 1
    assert refused.stdout.decode().startswith("1:10: deny: privilege.sudo: ")
    assert b"it would be refused" in refused.stderr
    verdict = json.loads(remote.within("policy", "check", "--json", "--", "sudo ls").stdout)
    assert (verdict["allowed"], verdict["findings"][0]["text"]) == (False, "sudo ls")


def test_variables_count_and_what_cannot_be_checked_is_refused(remote: Remote) -> None:
    assert remote.within("policy", "check", "--env", "DIR=/srv/log/old", "--", 'rm -rf "$DIR"').returncode == 0
    assert remote.within("policy", "check", "--env", "DIR=/", "--", 'rm -rf "$DIR"').returncode == 1
    assert "command" in remote.refusal("policy", "check", "--", " ", status=2)
    assert "there is no server nowhere" in remote.refusal("policy", "check", "--server", "nowhere", "--", "ls")


def test_on_a_terminal_the_place_is_marked(remote: Remote) -> None:
    with on_terminal(remote.commands, *SSHCAST, "policy", "check", "--", "echo '你好'; sudo ls") as terminal:
        assert terminal.end() == 1
    lines = terminal.shown.decode().splitlines()
    assert lines[1:3] == ["    echo '你好'; sudo ls", "                 ^~~~~~~"]


@pytest.mark.parametrize(
    ("command", "start", "end", "marked"),
    [
        ("sudo ls", 0, 4, ("sudo ls", "^~~~")),
        ("a\nbb sudo\nc", 5, 9, ("bb sudo", "   ^~~~")),
        ("x 'a\nb' y", 2, 7, ("x 'a", "  ^~")),
        ("你 sudo", 2, 6, ("你 sudo", "   ^~~~")),
        ("a\tsudo", 2, 6, ("a sudo", "  ^~~~")),
        ("\x1b[2J sudo", 5, 9, ("\ufffd[2J sudo", "     ^~~~")),
        ("\u202esudo", 1, 5, ("\ufffdsudo", " ^~~~")),
        ("sudo", 0, 0, ()),
        ("sudo", 3, 9, ()),
    ],
)
def test_a_finding_is_marked_under_its_own_text(command: str, start: int, end: int, marked: tuple[str, ...]) -> None:
    assert mark_finding(command, {"start": start, "end": end}) == marked


def test_of_a_long_line_the_part_around_the_finding_is_shown() -> None:
    line, mark = mark_finding("a" * 1000 + " sudo " + "b" * 1000, {"start": 1001, "end": 1005})
    assert len(line) == 160
    assert line[mark.index("^") :][:4] == "sudo"


def test_rules_are_listed_with_what_each_does(remote: Remote) -> None:
    lines = [line.split("\t") for line in remote.output("policy", "rules").splitlines()]
    assert ["remote.pipe-to-shell", "warn", "deny"] in [line[:3] for line in lines]
    assert all(line[3] for line in lines)


def test_a_policy_is_set_shown_and_replaced_as_a_whole(remote: Remote, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '["site.no-uptime"]\nseverity = "deny"\nen = "No."\nzh = "不。"\nwhen = [{ program = "uptime" }]\n'
    )
    remote.output("policy", "set", "--server", "demo", "--mode", "strict", "--allow", "privilege.sudo", "--command",
                  "reboot", "--rules", str(rules))  # fmt: skip
    found = json.loads(remote.output("policy", "show", "--server", "demo", "--json"))
    assert (found["mode"], found["allow"], found["commands"]) == ("STRICT", ["privilege.sudo"], ["reboot"])
    assert remote.within("policy", "check", "--server", "demo", "--", "sudo ls").returncode == 0
    assert remote.within("policy", "check", "--server", "demo", "--", "uptime").returncode == 1
    assert "site.no-uptime" in remote.output("policy", "rules", "--server", "demo")
    done = remote.within("policy", "set", "--server", "demo")
    assert b"no longer allowed: privilege.sudo, reboot" in done.stderr
    assert remote.within("policy", "check", "--server", "demo", "--", "sudo ls").returncode == 1
    emptied = json.loads(remote.output("policy", "show", "demo", "--json"))
    assert (emptied["mode"], emptied["allow"], emptied["commands"], emptied["extra"]) == (None, [], [], "")


def test_a_task_s_policy_is_found_by_its_name_and_ends_with_a_change(remote: Remote) -> None:
    remote.output("task", "add", "guarded", "--server", "demo", "--", "uptime")
    shown = remote.within("policy", "show", "guarded")
    assert (shown.returncode, shown.stdout) == (0, b"")
    assert b"guarded has no policy of its own" in shown.stderr
    remote.output("policy", "set", "--task", "guarded", "--allow", "privilege.*")
    assert "what it allows applies: yes" in remote.output("policy", "show", "guarded")
    assert remote.within("policy", "check", "--task", "guarded", "--", "uptime").returncode == 0
    remote.output("task", "set", "guarded", "--", "uptime -p")
    assert "what it allows applies: no" in remote.output("policy", "show", "--task", "guarded")
    assert "(ended: the task was changed since)" in remote.output("task", "show", "guarded")


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("set", "--mode", "strict"), "give either --server or --task"),
        (("set", "--server", "demo", "--task", "1"), "give either --server or --task"),
        (("set", "--server", "demo", "--mode", "lax"), "--mode lax: this is none of standard, strict, audit"),
        (("set", "--task", "1", "--command", "ls"), "--command goes with --server"),
        (("set", "--server", "demo", "--rules", "/nowhere"), "--rules /nowhere: it cannot be read"),
        (("show", "nothing"), "there is no server and no task nothing"),
        (("show", "demo", "--task", "1"), "give a name, or --server, or --task"),
    ],
)
def test_what_cannot_be_meant_is_refused(remote: Remote, args: tuple[str, ...], word: str) -> None:
    assert word in remote.refusal("policy", *args)


def test_rules_that_cannot_be_read_are_refused_by_the_service(remote: Remote, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[broken")
    assert "extra" in remote.refusal("policy", "set", "--server", "demo", "--rules", str(rules), status=2)
