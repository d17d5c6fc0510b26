"""Somebody removes a run's files, or the folder of them all, while it goes on: why it ended is known all the same."""

import asyncio
import shutil
from collections.abc import Callable

import pytest

from runner.remote.wire import ExitRecord
from tests.support.local_target import LocalTarget, Runs, Watched, carrying, read, serving
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

FOREIGN = {"/proc": "/no-proc"}


def without_files(local: LocalTarget) -> None:
    for path in (local.home / ".sshcast").iterdir():
        path.unlink()


def without_folder(local: LocalTarget) -> None:
    shutil.rmtree(local.home / ".sshcast")


Removal = Callable[[LocalTarget], None]


@pytest.fixture(params=[without_files, without_folder])
def remove(request: pytest.FixtureRequest) -> Removal:
    removal: Removal = request.param
    return removal


@pytest.fixture(params=[{}, FOREIGN], ids=["linux", "foreign"], autouse=True)
def texts(request: pytest.FixtureRequest, local: LocalTarget) -> None:
    local.texts = request.param


def waits(name: str) -> str:
    return f"until [ -e {name} ]; do sleep 0.1; done"


async def outlived(run: Watched, remove: Removal, *, word: str = "") -> ExitRecord:
    """What is told of the end of a run whose files were removed once it was followed and watched."""
    begin = f"cd '{run.target.home}'; echo up; echo up >&2; {waits('ready')}; echo ready; echo ready >&2"
    run.command = f"{begin}; {waits('go-on')}; {run.command}"
    attachment = await run.identified()
    attachment.send("guard")
    reading = asyncio.create_task(read(attachment))
    await until(lambda: (run.out, run.err) == (b"up\n", b"up\n"))
    (run.target.home / "ready").touch()
    await until(lambda: (run.out, run.err) == (b"up\nready\n", b"up\nready\n"))
    await until(lambda: "watch" in run.target.files and run.target.file("watch").read_text().endswith("\n"))
    remove(run.target)
    (run.target.home / "go-on").touch()
    if word:
        await attachment.stop(word)
    await reading
    record = attachment.stream.record
    assert record is not None
    assert (len(run.out), len(run.err)) == (record.out, record.err)
    assert await attachment.clear(keep=False)
    assert run.target.files == set()
    await until(lambda: not carrying(run.spool) and not serving(run.spool))
    return record


async def test_a_cancel_is_the_reason_on_the_record(runs: Runs, local: LocalTarget, remove: Removal) -> None:
    record = await outlived(runs("sleep 300"), remove, word="cancelled")
    assert record.why == "cancelled"
    assert (local.home / ".sshcast").stat().st_mode & 0o777 == 0o700


async def test_the_time_limit_is_the_reason_on_the_record(runs: Runs, remove: Removal) -> None:
    record = await outlived(runs("sleep 300", limit=3), remove)
    assert record.why == "timeout"


async def test_the_output_cap_is_the_reason_on_the_record(runs: Runs, remove: Removal) -> None:
    record = await outlived(runs("yes", cap=100_000), remove)
    assert record.why == "output"
    assert record.out > 100_000


async def test_a_run_that_ends_by_itself_is_told_whole(runs: Runs, remove: Removal) -> None:
    run = runs("echo out; echo err >&2; exit 6")
    record = await outlived(run, remove)
    assert (record.status, record.why, bytes(run.out), bytes(run.err)) == (
        *(6, "-"),
        *(b"up\nready\nout\n", b"up\nready\nerr\n"),
    )
