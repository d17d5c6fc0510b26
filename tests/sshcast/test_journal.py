"""The log of what happened: a line for each end of a run, sign-in and change, with ids and without secrets."""

import io
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from sshcast import logs
from tests.support.rest import PASSWORD
from tests.support.service import Running, running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

RUN = """mutation ($command: String!) {
  runCommand(input: {serverId: 1, command: $command, wait: 20}) { execution { id } errors { message } }
}"""
LOGIN = """mutation ($name: String!, $password: String!) {
  login(input: {username: $name, password: $password}) { tokens { expiresInSeconds } errors { message } }
}"""
SECRET = "hunter2-and-more"


@dataclass(slots=True)
class Journal:
    """The service, and what it has logged."""

    api: Running
    stream: io.StringIO

    def lines(self, event: str = "", **fields: Any) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        named = [line for line in found if not event or line["event"] == event]
        return [line for line in named if fields.items() <= line.items()]


@pytest.fixture(scope="module")
async def journal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Journal]:
    root = logging.getLogger()
    handlers, level, stream = root.handlers, root.level, io.StringIO()
    logs.configure(stream=stream, form="json", level="info")
    try:
        async with running(tmp_path_factory.mktemp("logged"), drive=True) as api:
            yield Journal(api, stream)
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()


async def run(journal: Journal, command: str) -> int:
    return int((await journal.api.data(RUN, command=command))["runCommand"]["execution"]["id"])


async def test_the_end_of_a_run_is_one_line_with_its_ids_its_outcome_and_its_size(journal: Journal) -> None:
    id = await run(journal, f"echo {SECRET}; exit 3")
    await until(lambda: journal.lines("run ended", execution=id))
    (line,) = journal.lines("run ended", execution=id)
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "run ended",
        "level": "info",
        "execution": id,
        "server": journal.api.server.id,
        "state": "FAILED",
        "reason": "EXIT_STATUS",
        "exit_status": 3,
        "output_bytes": len(SECRET) + 1,
    }


async def test_a_change_is_a_line_with_who_did_what_to_which_object_and_from_where(journal: Journal) -> None:
    admin = journal.api.users["admin"]
    change = """mutation { updateServer(input: {id: 1, tags: ["%s"]}) { errors { message } } }"""
    await journal.api.data(change % SECRET, "admin")
    (line,) = journal.lines("change", action="server-updated")
    del line["timestamp"]
    assert line == {
        "event": "change",
        "level": "info",
        "action": "server-updated",
        "object_type": "server",
        "object": 1,
        "actor": admin.id,
        "address": "127.0.0.1",
    }


async def test_a_change_that_is_refused_is_told_as_refused_and_not_as_done(journal: Journal) -> None:
    before = len(journal.lines("change"))
    body = await journal.api.graphql("mutation { deleteServer(input: {id: 1}) { errors { message } } }", "viewer")
    assert body["errors"]
    assert len(journal.lines("change")) == before
    assert journal.lines("refused", action="forbidden", actor=journal.api.users["viewer"].id)


async def test_a_sign_in_is_told_with_its_user_and_a_refused_one_without_the_name_that_was_tried(
    journal: Journal,
) -> None:
    user = journal.api.users["operator"]
    await journal.api.graphql(LOGIN, None, name=user.name, password=PASSWORD)
    (good,) = journal.lines("sign-in", object=user.id)
    assert (good["actor"], good["address"]) == (user.id, "127.0.0.1")
    await journal.api.graphql(LOGIN, None, name=user.name, password=SECRET)
    (known,) = journal.lines("sign-in refused", object=user.id)
    assert known["address"] == "127.0.0.1"
    await journal.api.graphql(LOGIN, None, name=SECRET, password="wrong")
    unknown = journal.lines("sign-in refused")[-1]
    assert "object" not in unknown
    assert "actor" not in unknown
    assert unknown["address"] == "127.0.0.1"


async def test_nothing_that_was_secret_or_only_a_name_is_in_any_line(journal: Journal) -> None:
    await run(journal, f"echo {SECRET}")
    text = journal.stream.getvalue()
    names = [user.name for user in journal.api.users.values()]
    found = [word for word in (SECRET, PASSWORD, *names, journal.api.server.name, "Bearer", "eyJ") if word in text]
    assert found == []
    assert len(journal.lines()) > 5


async def test_a_level_above_leaves_these_lines_out(journal: Journal, tmp_path: Path) -> None:
    quiet = io.StringIO()
    logs.configure(stream=quiet, form="json", level="warning")
    await run(journal, "echo quiet")
    assert quiet.getvalue() == ""
    logs.configure(stream=journal.stream, form="json", level="info")
