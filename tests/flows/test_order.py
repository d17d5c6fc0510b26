"""What a command writes to its two streams is stored in the order in which it was written, over real SSH."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Connection, select
from sqlmodel import col

from db.output_models import OutputChunk
from db.store import open_store
from db.values import Mode, State
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL, RUN
from tests.support.rig import Rig, rig_on, running
from tests.support.stores import copied, template
from tests.support.targets import Target, openssh
from tests.support.waiting import until

__all__ = ["openssh", "template"]

pytestmark = pytest.mark.anyio

PAIRS, PAUSE = (500, 0.02) if FULL else (15, 0.1)
EACH = f"i=0; while [ $i -lt {PAIRS} ]; do echo o$i; sleep {PAUSE}; echo e$i >&2; sleep {PAUSE}; i=$((i + 1)); done"
MODES = pytest.mark.parametrize("mode", [Mode.DURABLE, Mode.ATTACHED])
# A command that writes a pair once the one before is kept and marked: what is marked is what the test is about.
UNWATCHED = """
S=$HOME/.sshcast/${SSHCAST_SPOOL%%.}
pair() {
    echo o$1; until [ "$(wc -c <$S.out)" -ge $((($1 - 9) * 4)) ]; do sleep 0.01; done
    echo e$1 >&2; last=0
    until [ "${last:-0}" -ge $((($1 - 9) * 4)) ]; do
        sleep 0.01; while read -r out err; do last=$err; done <$S.order
    done
}
until [ -e $S.order ]; do sleep 0.01; done
i=10; while [ $i -lt 20 ]; do pair $i; i=$((i + 1)); done
touch %s
until [ -e %s ]; do sleep 0.1; done
while [ $i -lt 40 ]; do pair $i; i=$((i + 1)); done
touch %s
exit 3
"""


@pytest.fixture
async def rig(template: Path, tmp_path: Path) -> AsyncIterator[Rig]:
    async with copied(template, tmp_path) as url:
        store = await open_store(url)
        async with running(rig_on(store)) as started:
            yield started
        await store.close()


def read_all(conn: Connection, id: int) -> bytes:
    """Both streams, as they are stored."""
    chunks = select(col(OutputChunk.data)).where(col(OutputChunk.execution_id) == id)
    return b"".join(conn.scalars(chunks.order_by(col(OutputChunk.position))))


def pairs(first: int, last: int) -> bytes:
    return "".join(f"o{i}\ne{i}\n" for i in range(first, last)).encode()


@MODES
async def test_lines_with_a_pause_between_are_stored_in_order(rig: Rig, openssh: Target, mode: Mode) -> None:
    server = await rig.server(openssh, run_mode=mode)
    row = await rig.ran(server, EACH)
    assert (row.state, row.mode) == (State.SUCCESS, mode), row.message
    assert await rig.store.read(read_all, row.id) == pairs(0, PAIRS)


@MODES
async def test_merged_streams_are_one_in_exact_order(rig: Rig, openssh: Target, mode: Mode) -> None:
    server = await rig.server(openssh, run_mode=mode)
    command = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i + 1)); done; exit 3"
    for given in ({}, {"stdin": b"not read"}):
        row = await rig.ran(server, command, merge_streams=True, **given)
        assert (row.exit_code, row.mode, row.stderr_bytes) == (3, mode, 0), row.message
        assert await rig.output(row.id) == (pairs(0, 500), b"")
    row = await rig.ran(server, "no-such-command; echo $?", merge_streams=True)
    out, err = await rig.output(row.id)
    assert (b"not found" in out, out.splitlines()[-1], err) == (True, b"127", b"")


@pytest.fixture
def service(openssh: Target, tmp_path: Path) -> Iterator[Mortal]:
    with serving(tmp_path / "data", openssh) as mortal:
        yield mortal


async def read_log(client: httpx2.AsyncClient, id: str) -> bytes:
    return (await client.get(f"/api/task/{id}/log", params={"follow": "true"})).content


async def test_a_service_that_is_killed_comes_back_to_the_order(service: Mortal, tmp_path: Path) -> None:
    killed, ended = tmp_path / "killed", tmp_path / "ended"
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
        given = {"serverId": 1, "command": UNWATCHED % (tmp_path / "half", killed, ended)}
        answer = await client.post("/graphql", json={"query": RUN, "variables": {"input": given}})
        id = answer.json()["data"]["runCommand"]["execution"]["id"]
        await until((tmp_path / "half").exists, seconds=60)
        service.kill()
        killed.touch()
        await until(ended.exists, seconds=60)
        service.start()
        await service.calls(client.get, "/readyz")
        assert await read_log(client, id) == pairs(10, 40)
