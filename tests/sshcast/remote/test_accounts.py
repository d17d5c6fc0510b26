"""Users, grants, secrets, personal tokens and the audit of a service elsewhere."""

import hashlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.remote import Remote

PASSWORD = "correct horse battery\n"
VALUE = "a value that is not shown"


def test_a_user_is_added_changed_shown_and_signs_in(remote: Remote) -> None:
    id = remote.output("user", "add", "carol", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
    remote.output("user", "set", "carol", "--role", "operator")
    remote.output("user", "password", id, "--password-stdin", stdin="another horse battery\n")
    shown = json.loads(remote.output("user", "show", "carol", "--json"))
    assert (shown["id"], shown["role"], shown["disabled"]) == (id, "OPERATOR", False)
    options = ("--name", "carol", "--user", "carol", "--password-stdin", "--ca-file", str(remote.ca_file))
    remote.output("login", remote.url, *options, stdin="another horse battery\n")
    remote.output("user", "set", "carol", "--disable", "--context", "localhost")
    assert remote.within("server", "list", "--context", "carol").returncode == 2
    remote.output("context", "use", "localhost")
    remote.output("context", "rm", "carol")
    assert not remote.commands.data.exists()


def test_wrong_words_about_users_are_refused(remote: Remote) -> None:
    assert "this is none of none, viewer, operator, admin" in remote.refusal(
        "user", "add", "dave", "--role", "boss", "--password-stdin", stdin=PASSWORD
    )
    assert "there is no user nobody-there" in remote.refusal("user", "set", "nobody-there", "--enable")
    assert "password" in remote.refusal(
        "user", "add", "dave", "--role", "viewer", "--password-stdin", status=2, stdin="short\n"
    )
    assert "--password-stdin" in remote.refusal("user", "add", "dave", "--role", "viewer")


def test_grants_are_given_listed_and_revoked_by_user_and_place_or_by_id(remote: Remote) -> None:
    remote.output("user", "add", "erin", "--role", "none", "--password-stdin", stdin=PASSWORD)
    remote.output("user", "grant", "erin", "--role", "viewer", "--server", "demo")
    id = remote.output("grant", "add", "erin", "--role", "operator", "--tag", "web")
    rows = json.loads(remote.output("grant", "list", "--user", "erin", "--json"))
    assert {(row["role"], row["tag"], (row["server"] or {}).get("name")) for row in rows} == {
        ("VIEWER", None, "demo"),
        ("OPERATOR", "web", None),
    }
    listed = next(line for line in remote.output("user", "list").splitlines() if "\terin\t" in line)
    assert "server:demo=viewer" in listed
    assert "tag:web=operator" in listed
    assert [row["user"]["name"] for row in json.loads(remote.output("grant", "list", "--tag", "web", "--json"))] == [
        "erin"
    ]
    remote.output("grant", "rm", id)
    remote.output("user", "ungrant", "erin", "--server", "demo")
    assert remote.output("grant", "list", "--user", "erin") == ""
    assert "erin has no such grant" in remote.refusal("grant", "rm", "erin", "--tag", "web")
    assert "give either --server or --tag" in remote.refusal("grant", "add", "erin", "--role", "viewer")


def test_a_secret_s_value_comes_from_standard_input_or_a_file_and_is_never_shown(
    remote: Remote, tmp_path: Path
) -> None:
    id = remote.output("secret", "add", "first", "--server", "demo", "--stdin", stdin=f"{VALUE}\nnot this\n")
    file = tmp_path / "value"
    file.write_text("line one\nline two\n")
    remote.output("secret", "set", "first", "--file", str(file))
    remote.output("secret", "set", id, "--all-stdin", stdin="line one\nline two\n")
    shown = remote.output("secret", "list", "--json")
    assert VALUE not in shown
    assert [(each["id"], each["name"], each["server"]["name"]) for each in json.loads(shown)] == [(id, "first", "demo")]
    assert "give one of --stdin" in remote.refusal("secret", "set", "first", "--stdin", "--all-stdin", stdin=VALUE)
    assert "--yes" in remote.refusal("secret", "rm", "first")
    remote.output("secret", "rm", "first", "--yes")
    assert remote.output("secret", "list") == ""
    assert "there is no secret first" in remote.refusal("secret", "set", "first", "--stdin", stdin=VALUE)


def test_a_secret_runs_with_exactly_the_value_that_was_given(remote: Remote) -> None:
    remote.output("secret", "add", "exact", "--stdin", stdin="ab cd'\"$x \n")
    digest = hashlib.sha256(b"ab cd'\"$x ").hexdigest()  # the value itself has stars in the output
    script = 'printf %s "$EXACT" | sha256sum; printf %s "$EXACT"'
    remote.output("task", "add", "exact", "--server", "demo", "--secret-env", "EXACT=exact", "--", script)
    ran = remote.output("task", "run", "exact", "--wait")
    assert ran.split()[0] == digest
    assert "ab cd" not in ran
    remote.output("task", "rm", "exact", "--yes")
    remote.output("secret", "rm", "exact", "--yes")


def test_a_value_that_is_typed_is_not_shown(remote: Remote) -> None:
    """In a terminal of its own, where what is typed would be echoed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sshcast", "secret", "add", "typed"],
        cwd=ROOT, env=remote.commands.environment(), stdin=follower, stdout=follower, stderr=follower,
        start_new_session=True, preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(follower)
    seen = _answer(leader, [(b"Value: ", f"{VALUE}\n"), (b"again: ", f"{VALUE}\n")])
    assert process.wait(60) == 0, seen
    assert VALUE.encode() not in seen
    assert "typed" in remote.output("secret", "list")
    remote.output("secret", "rm", "typed", "--yes")


def _take_terminal() -> None:
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first terminal that a session opens is its own


def _answer(leader: int, answers: list[tuple[bytes, str]]) -> bytes:
    """Write each answer when its question was seen; return all that was shown."""
    seen, rest = b"", list(answers)
    while True:
        try:
            data = os.read(leader, 4096)
        except OSError:  # the other end is closed
            return seen
        seen += data
        if rest and seen.endswith(rest[0][0]):
            os.write(leader, rest.pop(0)[1].encode())


def test_a_personal_token_is_shown_once_signs_in_and_is_revoked(remote: Remote) -> None:
    token = remote.output("personal-token", "add", "robot", "--scope", "read", "--days", "3")
    assert token not in remote.output("personal-token", "list", "--json")
    remote.output("login", remote.url, "--name", "robot", "--token-stdin", "--ca-file", str(remote.ca_file),
                  stdin=f"{token}\n")  # fmt: skip
    assert "demo" in remote.output("server", "list", "--context", "robot")
    remote.output("personal-token", "rm", "robot", "--yes", "--context", "localhost")
    assert "sign in" in remote.refusal("server", "list", "--context", "robot", status=2)
    remote.output("context", "use", "localhost")
    remote.output("context", "rm", "robot")
    assert "you have no token robot" in remote.refusal("personal-token", "rm", "robot", "--yes")


def test_the_audit_is_listed_with_filters(remote: Remote) -> None:
    remote.output("user", "add", "frank", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
    rows = json.loads(remote.output("audit", "list", "--kind", "user-added", "--since", "1h", "-n", "1", "--json"))
    assert [(row["kind"], row["actor"], json.loads(row["after"])["name"]) for row in rows] == [
        ("USER_ADDED", "admin", "frank")
    ]
    frank = remote.output("user", "show", "frank", "--json")
    about = remote.output("audit", "list", "--object", f"user:{json.loads(frank)['id']}", "--user", "admin")
    assert about.count("\n") == 0
    assert "name=" in about
    assert "--object is one of" in remote.refusal("audit", "list", "--object", "thing")
    assert remote.output("audit", "list", "--until", "2020-01-01") == ""


@pytest.mark.parametrize(
    "command",
    [
        ["token", "alice"],
        ["secrets", "rotate"],
        ["audit", "verify"],
        ["user", "link", "a", "b"],
        ["user", "unlink", "a"],
    ],
)
def test_what_needs_the_database_says_so_where_a_context_is_set(remote: Remote, command: list[str]) -> None:
    words = " ".join(command[: 1 if command[0] == "token" else 2])
    said = remote.refusal(*command)
    assert said == (
        f"sshcast: `sshcast {words}` works on the database of this machine, and not through a service: add --local"
    )
    assert not remote.commands.data.exists()


def test_with_local_they_work_on_the_database_all_the_same(remote: Remote, tmp_path: Path) -> None:
    here = Commands(tmp_path / "data", remote.commands.variables)
    options = ("--role", "admin", "--password-stdin", "--local")
    assert here.within("user", "add", "alice", *options, stdin=PASSWORD).returncode == 0
    assert here.within("token", "alice", "--local").stdout
    assert here.within("audit", "verify", "--local").returncode == 0
    assert here.within("user", "list", "--local").stdout.decode().split()[1:3] == ["alice", "admin"]
    listed = here.within("user", "list", "--local", "--json", "--as", "alice").stdout
    assert [each["name"] for each in json.loads(listed)] == ["alice"]
