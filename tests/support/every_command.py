"""One call of every command that works through the API: such as a demo service carries out, in this order."""

from dataclasses import dataclass
from pathlib import Path

SECRET = "s3cret-v4lue-of-a-test"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHKlXn9Hyf1bq0jTRbnKyVKUL1SgHDRI5pJ4cSkeBJ8H"


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments with `{folder}`, which has the files of `write_files`, and what comes by standard input.

    `works_in`: the file and the test in which it works, where that takes more than a demo.
    """

    command: str
    more: tuple[str, ...] = ()
    stdin: str = ""
    status: int = 0
    works_in: str | None = None

    def build(self, folder: Path) -> list[str]:
        return [*self.command.split(), *(each.format(folder=folder) for each in self.more)]


CALLS = (
    Call("server list"),
    Call("server show", ("demo",)),
    Call("server check", ("demo",)),
    Call(
        "server add",
        ("alpha", "--host", "192.0.2.7", "--user", "ops", "--host-key", HOST_KEY, "--password-stdin"),
        f"{SECRET}\n",
    ),
    Call("server set", ("alpha", "--add-tag", "web")),
    Call("server rescan", ("demo",)),
    Call(
        "server import",
        ("--ssh-config", "{folder}/ssh_config", "--known-hosts", "{folder}/known_hosts", "--yes", "--password-stdin"),
        f"{SECRET}\n",
    ),
    Call("server rm", ("beta", "--yes")),
    Call("task add", ("nightly", "--server", "demo", "--cron", "0 3 * * *", "--", "echo found")),
    Call("task list"),
    Call("task show", ("nightly",)),
    Call("task set", ("nightly", "--timeout", "60")),
    Call("task run", ("nightly", "--wait")),
    Call("task pause", ("nightly",)),
    Call("task resume", ("nightly",)),
    Call("task disable", ("nightly",)),
    Call("task enable", ("nightly",)),
    Call("schedule next", ("nightly",)),
    Call("schedule ledger"),
    Call("run", ("demo", "--", "echo found")),
    Call("tail", ("1",)),
    Call("execution list"),
    Call("execution show", ("1", "--output")),
    Call("execution search", ("found",)),
    Call("execution retry", ("2", "--wait")),
    Call("execution cancel", ("2",), works_in="test_executions.py::test_executions_are_cancelled_and_waited_for"),
    Call("watch", works_in="test_events.py::test_watch_shows_executions_as_they_begin_and_end"),
    Call("events", works_in="test_events.py::test_events_come_as_json_lines_with_cursors_to_go_on_from"),
    Call("fleet list"),
    Call("fleet show", ("1",), works_in="test_fleet.py::test_retry_starts_anew_where_it_did_not_succeed"),
    Call("fleet watch", ("1",), works_in="test_fleet.py::test_retry_starts_anew_where_it_did_not_succeed"),
    Call("fleet retry", ("1",), works_in="test_fleet.py::test_retry_starts_anew_where_it_did_not_succeed"),
    Call("fleet cancel", ("1",), works_in="test_fleet.py::test_an_interrupt_cancels_it_and_shows_how_it_ended"),
    Call(
        "crontab import",
        ("demo", "--file", "{folder}/crontab", "--timezone", "UTC", "--yes"),
        works_in="test_crontab.py::test_lines_come_in_shadow_with_crons_terms_and_a_second_import_changes_nothing",
    ),
    Call(
        "crontab adopt",
        ("--server", "demo", "--all"),
        works_in="test_crontab.py::test_a_task_is_adopted_only_once_its_line_is_out_of_the_crontab",
    ),
    Call(
        "crontab status",
        ("demo",),
        works_in="test_crontab.py::test_a_task_is_adopted_only_once_its_line_is_out_of_the_crontab",
    ),
    Call("task rm", ("nightly", "--yes")),
    Call("secret add", ("db", "--stdin"), f"{SECRET}\n"),
    Call("secret set", ("db", "--stdin"), f"{SECRET}\n"),
    Call("secret list"),
    Call("secret rm", ("db", "--yes")),
    Call("policy check", ("--", "uptime")),
    Call("policy rules"),
    Call("policy set", ("--server", "alpha", "--mode", "strict")),
    Call("policy show", ("alpha",)),
    Call("user add", ("bob", "--role", "viewer", "--password-stdin"), f"{SECRET}\n"),
    Call("user list"),
    Call("user show", ("bob",)),
    Call("user set", ("bob", "--role", "operator")),
    Call("user password", ("bob", "--password-stdin"), f"{SECRET} anew\n"),
    Call("user grant", ("bob", "--role", "operator", "--server", "alpha")),
    Call("user ungrant", ("bob", "--server", "alpha")),
    Call("grant add", ("bob", "--role", "operator", "--tag", "web")),
    Call("grant list"),
    Call("grant rm", ("bob", "--tag", "web")),
    Call("personal-token add", ("ci", "--scope", "read")),
    Call("personal-token list"),
    Call("personal-token rm", ("ci", "--yes")),
    Call("audit list"),
    Call("export"),
    Call("apply", ("{folder}/manifest.yaml", "--yes")),
    Call("doctor", ("demo",)),
)
HERE = frozenset(
    (
        *("serve", "demo", "migrate", "backup", "restore", "schema", "operation build", "web fetch", "completion"),
        *("context list", "context use", "context rm"),
    )
)
"""Commands that ask nothing of a service."""
DATABASE = frozenset(("token", "secrets rotate", "audit verify", "user link", "user unlink"))
"""Commands that need the database itself."""
SESSIONS = frozenset(("login", "logout"))


def write_files(folder: Path) -> None:
    (folder / "ssh_config").write_text("Host beta\n  HostName 192.0.2.8\n  User ops\n")
    (folder / "known_hosts").write_text(f"192.0.2.8 {HOST_KEY}\n")
    (folder / "crontab").write_text("5 4 * * * true\n")
    (folder / "manifest.yaml").write_text("servers:\n  - name: alpha\n    tags: [web, apply]\n")
