"""The Relay program, made by relay-compiler, keeps objects of one number apart and prints every byte once."""

import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from anyio import to_thread

from schema.node_ids import format_node_id
from tests.support.client_programs import Finished
from tests.support.client_runs import WatchedTask
from tests.support.cutting_proxy import ANSWER_BYTES, cutting_proxy
from tests.support.npm import tool_modules
from tests.support.rest import PASSWORD
from tests.support.service import Running
from tests.support.tool_projects import build_environment, compile_relay_program, tool_project

__all__ = ["tool_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.clients, pytest.mark.timeout(300)]

GET_DATA_ID = re.compile(r"getDataID: \(node\) => node\.nodeId")
"""By what the program tells Relay to keep objects apart."""
REFETCH_QUERIES = ("refetchTaskQuery", "refetchRunsQuery")
REFETCH = """import { graphql } from "relay-runtime";
graphql`fragment refetch_task on Task @refetchable(queryName: "refetchTaskQuery") { name nextRun outputLimitBytes }`;
graphql`fragment refetch_runs on Task @refetchable(queryName: "refetchRunsQuery")
  @argumentDefinitions(count: {type: "Int", defaultValue: 20}, cursor: {type: "String"}) {
  executions(first: $count, after: $cursor) @connection(key: "refetch_executions") { edges { node { id state } } }
}`;
"""


@pytest.fixture(scope="module")
def program(tool_modules: Path) -> Iterator[Path]:
    with tool_project() as folder:
        yield compile_relay_program(folder)


@pytest.fixture
def numbers(program: Path) -> Path:
    """The program with the numbers as Relay's ids."""
    changed = program.with_name("numbers.mjs")
    changed.write_text(GET_DATA_ID.sub("getDataID: (node) => node.id", program.read_text()))
    return changed


def execute(program: Path, url: str, task_id: int) -> Finished:
    given = {"SSHCAST_URL": url, "SSHCAST_USER": "the.operator", "SSHCAST_PASSWORD": PASSWORD}
    done = subprocess.run(
        ["node", program.name],
        cwd=program.parent,
        capture_output=True,
        env=build_environment(given | {"SSHCAST_TASK": str(task_id)}),
        stdin=subprocess.DEVNULL,
        timeout=90,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def take_shown(done: Finished) -> tuple[list[str], Finished]:
    """Split the two lines about the task and the server from what the command wrote to standard error."""
    *lines, rest = done.stderr.split(b"\n", 2)
    return [line.decode() for line in lines], Finished(done.returncode, done.stdout, rest)


async def test_a_task_and_a_server_of_one_number_are_two_records_and_output_survives_cuts(
    service: Running, task: WatchedTask, program: Path
) -> None:
    assert task.id == service.server.id
    async with cutting_proxy(service.url) as proxy:
        done = await to_thread.run_sync(partial(execute, program, proxy.url, task.id))
    lines, rest = take_shown(done)
    task.check(rest)
    name = (await service.data("{ task(id: 1) { name } }"))["task"]["name"]
    assert lines == [
        f"task 1: {name} ({format_node_id('Task', 1)})",
        f"server 1: a server ({format_node_id('Server', 1)})",
    ]
    assert (proxy.cuts, proxy.streams) == (len(ANSWER_BYTES), len(ANSWER_BYTES) + 1)


@pytest.mark.usefixtures("short_tokens")
async def test_a_token_that_expires_while_relay_watches_is_renewed(
    service: Running, long_task: WatchedTask, program: Path
) -> None:
    async with cutting_proxy(service.url, cuts=1) as proxy:
        done = await to_thread.run_sync(partial(execute, program, proxy.url, long_task.id))
    long_task.check(take_shown(done)[1])


async def test_with_the_numbers_as_its_ids_relay_takes_one_for_the_other(
    service: Running, task: WatchedTask, numbers: Path
) -> None:
    """What nodeId is there for: the same program without it."""
    done = await to_thread.run_sync(partial(execute, numbers, service.url, task.id))
    assert b"task 1: a server" in done.stderr


def test_relay_compiler_refetches_and_pages_any_object_by_its_node_id(program: Path) -> None:
    """`@refetchable` and `@connection` on a type with an id ask for `node(nodeId:)`, as relay.config.json says."""
    (program.parent / "refetch.js").write_text(REFETCH)
    compile_relay_program(program.parent)
    made = [(program.parent / "__generated__" / f"{name}.graphql.js").read_text() for name in REFETCH_QUERIES]
    assert ["node(nodeId: $nodeId)" in text for text in made] == [True, True]
    assert "pageInfo" in made[1]
