"""A run is begun once, goes on without us, and is told as it was, in each shell."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from runner.remote import program
from runner.remote.attachment import Attachment
from runner.remote.wire import ExitRecord
from tests.support.local_target import LocalTarget, Runs, Watched, carrying, is_alive, read, serving
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    return tmp_path / "counter"


def times(counter: Path) -> int:
    return counter.read_text().count("ran") if counter.exists() else 0


def forget(counter: Path) -> None:
    counter.write_text("")


def recorded(attachment: Attachment) -> ExitRecord:
    assert attachment.stream.record is not None
    return attachment.stream.record


async def identity_of(run: Watched, counter: Path) -> dict[str, str]:
    """Once the command has run as far as to count."""
    attachment = await run.identified()
    assert attachment.stream.identity is not None
    await until(lambda: times(counter))
    await attachment.close()
    return attachment.stream.identity.dump()


async def test_who_comes_later_goes_on_where_the_one_before_stopped(runs: Runs, counter: Path) -> None:
    run = runs(f"echo ran >>{counter}; echo one; echo two >&2; sleep 0.5; echo three; sleep 0.5; echo four; exit 5")
    first = await run.attach()
    reading = asyncio.create_task(read(first))
    async with asyncio.timeout(10):
        while (run.out, run.err) != (b"one\n", b"two\n"):  # noqa: ASYNC110 - bytes have no event
            await asyncio.sleep(0.01)
    await first.close()
    await reading
    record = recorded(await run.ran("known"))
    assert (record.status, run.out, run.err) == (5, b"one\nthree\nfour\n", b"two\n")
    assert times(counter) == 1


async def test_what_ended_meanwhile_is_told_as_often_as_it_is_asked_for(runs: Runs, counter: Path) -> None:
    run = runs(f"echo ran >>{counter}; echo out; echo err >&2; exit 6")
    await run.left()
    for _ in range(3):
        run.forget()
        assert recorded(await run.ran()).status == 6
        assert (run.out, run.err) == (b"out\n", b"err\n")
    assert times(counter) == 1


async def test_of_many_who_begin_it_at_once_one_does(runs: Runs, local: LocalTarget, counter: Path) -> None:
    command = f"echo ran >>{counter}; echo out; sleep 0.3; exit 7"
    spool = "8-8899aabbccddeeff."

    async def one() -> tuple[bytes, int]:
        run = runs(command, spool=spool)
        while (attachment := await run.ran()).stream.refusal == "again":
            pass
        return bytes(run.out), recorded(attachment).status

    assert await asyncio.gather(*(one() for _ in range(6))) == [(b"out\n", 7)] * 6
    assert times(counter) == 1


async def test_a_start_that_comes_late_starts_nothing_again(runs: Runs, local: LocalTarget, counter: Path) -> None:
    """Its connection stalled; meanwhile another one ran it to the end, and cleared."""
    run = runs(f"echo ran >>{counter}; echo out")
    attachment = await run.ran()
    assert await attachment.clear(keep=True)
    assert local.files == {"go"}
    late = await run.attach()
    assert await late.stream.wait_until(lambda: late.stream.place is not None, 10)
    await late.close()
    await until(lambda: not serving(run.spool))
    assert (times(counter), local.files) == (1, {"go"})


async def test_what_is_never_to_start_never_does(runs: Runs, counter: Path) -> None:
    run = runs(f"echo ran >>{counter}")
    for how in ("never", "start", "known"):
        attachment = await run.ran(how)
        assert attachment.stream.refusal == "never"
        await attachment.close()
    assert times(counter) == 0


async def test_never_to_start_comes_too_late_for_what_was_begun(runs: Runs) -> None:
    run = runs("echo out; sleep 0.3; exit 3")
    await run.left()
    assert recorded(await run.ran("never")).status == 3
    assert run.out == b"out\n"


async def test_text_that_was_cut_off_starts_nothing(runs: Runs, local: LocalTarget, counter: Path) -> None:
    run = runs(f"echo ran >>{counter}")
    attachment = await run.identified()
    (text,) = local.begun[0].sent
    await attachment.close()
    await until(lambda: times(counter))
    forget(counter)
    local.home = local.home / "other"
    for cut in (len(text) // 2, len(text) - 100, len(text) - len("main; exit\n")):
        process = await local.start("", on_output=lambda stream, data: None, stdin=text[:cut])
        await process.wait()
    assert times(counter) == 0
    assert local.files == set()


async def test_the_time_limit_holds_when_nobody_watches(runs: Runs) -> None:
    run = runs("echo up; sleep 60 & sleep 60", limit=1)
    await run.left()
    async with asyncio.timeout(15):
        while carrying(run.spool):  # noqa: ASYNC110 - processes have no event
            await asyncio.sleep(0.05)
    assert recorded(await run.ran("known")).why == "timeout"
    assert run.out == b"up\n"


async def test_a_watcher_that_is_woken_too_early_goes_on_sleeping(runs: Runs, local: LocalTarget) -> None:
    run = runs("sleep 1; exit 8", limit=60)
    await run.left()
    await until(lambda: "watch" in local.files and local.file("watch").read_text().endswith("\n"))
    watcher = local.file("watch").read_text().split()[0]
    await until(lambda: sleepers(watcher))
    for pid in sleepers(watcher):
        os.kill(pid, signal.SIGTERM)
    assert recorded(await run.ran("known")).status == 8
    await until(lambda: not is_alive(int(watcher)))


async def test_a_watcher_that_comes_late_leaves_nothing(
    runs: Runs, local: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was over and cleared before it began."""
    texts = program.load_program
    monkeypatch.setattr(program, "load_program", lambda name: ("sleep 1\n" if name == "watch.sh" else "") + texts(name))
    run = runs("sleep 0.3")
    await run.left()
    attachment = await run.ran("known")
    assert await attachment.clear(keep=False)
    assert serving(run.spool) != []
    await until(lambda: not serving(run.spool))
    assert local.files == set()


def sleepers(watcher: str) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{watcher}/task/{watcher}/children").read_text().split()]


async def test_a_supervisor_that_is_killed_is_missed_and_the_rest_is_ended(
    runs: Runs, local: LocalTarget, counter: Path
) -> None:
    run = runs(f"echo up; echo ran >>{counter}; setsid sleep 60 & sleep 60")
    identity = await identity_of(run, counter)
    await until(lambda: local.file("out").stat().st_size == 3)
    os.kill(int(identity["pid"]), signal.SIGKILL)
    attachment = await run.ran("known")
    assert (attachment.stream.refusal, attachment.stream.lost) == ("lost", "killed")
    look = await attachment.finish()
    assert look is not None
    assert look.verified_gone is True
    assert carrying(run.spool) == []
    assert (run.out, times(counter)) == (b"up\n", 1)


async def test_a_target_that_was_restarted_is_known_by_its_boot(runs: Runs, local: LocalTarget, counter: Path) -> None:
    run = runs(f"echo up; echo ran >>{counter}; sleep 60")
    identity = await identity_of(run, counter)
    os.kill(int(identity["child"]), signal.SIGKILL)
    await until(lambda: local.file("end").read_text().endswith(".\n") or local.file("end").read_text().split())
    local.file("end").write_text(" " * 127 + "\n")
    at = local.file("run")
    at.write_text(at.read_text().replace(identity["boot"], "another-boot"))
    attachment = await run.ran("known")
    assert (attachment.stream.refusal, attachment.stream.lost) == ("lost", "rebooted")
    assert times(counter) == 1


async def test_files_that_are_gone_are_told_and_not_made_again(runs: Runs, local: LocalTarget, counter: Path) -> None:
    run = runs(f"echo ran >>{counter}; exit 1")
    await run.left()
    await until(lambda: local.file("end").read_text().split())
    for name in local.files:
        local.file(name).unlink(missing_ok=True)  # what watches the run may remove its own meanwhile
    attachment = await run.ran("known")
    assert (attachment.stream.refusal, attachment.stream.lost) == ("lost", "vanished")
    assert times(counter) == 1
