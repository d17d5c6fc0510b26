"""In whose name a command of the machine acts, and what the record says of it."""

import asyncio
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from db import audit, executions
from db.audit_models import AuditEvent
from db.models import TaskExecution
from sshcast import app
from sshcast.commands import local
from sshcast.settings import Settings
from tests.support.commands import Commands
from tests.support.enrolled import PASSWORD, commands, openssh

__all__ = ["commands", "openssh"]

OWN = pwd.getpwuid(os.geteuid()).pw_name


def add(commands: Commands, name: str, role: str = "admin") -> None:
    done = commands.within("user", "add", name, "--role", role, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Commands:
    """A data folder of its own, and nobody named."""
    return Commands(tmp_path / "data", {"SSHCAST_AS": ""})


async def who_acts(folder: Commands, name: str | None) -> str | None:
    async with app.open_service(Settings(data=folder.data)) as service:
        viewer = (await local.load_context(service, name)).viewer
        return None if viewer is None else viewer.name


def acting(folder: Commands, name: str | None = None) -> str | None:
    return asyncio.run(who_acts(folder, name))


def test_as_goes_before_the_variable_and_that_before_the_os_user(
    folder: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "alice", OWN):
        add(folder, name)
    monkeypatch.delenv(local.VARIABLE, raising=False)
    assert acting(folder) == OWN
    monkeypatch.setenv(local.VARIABLE, "alice")
    assert acting(folder) == "alice"
    assert acting(folder, "first") == "first"
    monkeypatch.setenv(local.VARIABLE, "")
    assert acting(folder) == OWN


COMMANDS = (
    ["run", "web", "--", "true"],
    ["tail", "1"],
    ["server", "rescan", "web"],
    ["server", "add", "new", "--host", "192.0.2.1", "--user", "u", "--password-stdin", "--scan"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_without_anybody_a_command_is_refused_and_names_as(folder: Commands, command: list[str]) -> None:
    """No user is taken because there is only one, or because it is an admin."""
    add(folder, "somebody")
    done = folder.within(*command, stdin="x\n")
    assert (done.returncode, done.stdout) == (1, b"")
    said = f"no enabled user is called {OWN}, as the OS user is: say who runs this with --as NAME or SSHCAST_AS=NAME"
    assert done.stderr.decode() == f"sshcast: {said} (users: somebody)\n"


def test_a_user_who_is_not_there_or_kept_out_is_not_replaced_by_another(folder: Commands) -> None:
    for name in ("alice", "bob", OWN):
        add(folder, name)
    assert folder.within("user", "set", "bob", "--disable").returncode == 0
    for name in ("nobody", "bob", ""):
        done = folder.within("tail", "1", "--as", name)
        assert done.returncode == 1
        assert f"there is no enabled user '{name}' (--as): " in done.stderr.decode()
    folder.variables["SSHCAST_AS"] = "bob"
    assert b"there is no enabled user 'bob' (SSHCAST_AS): " in folder.within("tail", "1").stderr
    assert folder.within("user", "set", OWN, "--disable").returncode == 0
    folder.variables["SSHCAST_AS"] = ""
    assert f"no enabled user is called {OWN}" in folder.within("tail", "1").stderr.decode()


def test_in_an_empty_folder_the_refusal_says_how_to_begin(folder: Commands) -> None:
    assert b"`sshcast user add NAME --role admin`" in folder.within("tail", "1").stderr


def test_a_user_without_a_name_on_the_system_is_told_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is run as any number."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_123)
    assert local.os_user() == "uid 4000000123"


async def recorded(commands: Commands, id: int) -> tuple[list[AuditEvent], TaskExecution]:
    async with app.open_service(Settings(data=commands.data)) as service:
        events = await service.store.read(audit.list_after, 0, 100)
        row = await service.store.read(executions.by_id, id)
    assert row is not None
    return events, row


def test_the_audit_names_both_and_the_trigger_is_cli(commands: Commands) -> None:
    done = commands.within("run", "web", "--as", "alice", "--", "true")
    refused = commands.within("run", "web", "--as", "alice", "--", "sudo id")
    assert (done.returncode, refused.returncode) == (0, 2)
    events, row = asyncio.run(recorded(commands, int(done.stderr.split()[1])))
    assert row.trigger == "cli"
    found: dict[str, Any] = {event.kind: event for event in events}
    for kind, named in (
        ("user-added", None),
        ("server-created", "alice"),
        ("execution-started", "alice"),
        ("command-refused", "alice"),
    ):
        event = found[kind]
        assert (event.actor, event.address, json.loads(event.after)["os_user"]) == (named, "machine", OWN), kind
    assert json.loads(found["execution-started"].after)["trigger"] == "cli"
    assert audit.find_first_broken(events, (0, audit.START)) is None
