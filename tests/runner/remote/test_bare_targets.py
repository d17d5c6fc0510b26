"""Targets that lack what Linux has: setsid, /proc, and programs, in each shell."""

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from runner.remote import program, verify
from tests.support.local_target import LocalTarget, Runs, bare_folder, carrying, read, running, serving
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

EVERY_BYTE = "".join(f"\\{byte:03o}" for byte in range(256))
# What macOS and the BSDs do not have; the other programs find everything through /proc there too.
FOREIGN = {"/proc": "/no-proc"}
HIDE = f'{shutil.which("mount")} -t tmpfs none /proc && exec "$@"'
HIDDEN = (shutil.which("unshare") or "", "-m", "/bin/sh", "-c", HIDE, "sh")

Lacking = Callable[..., LocalTarget]


@pytest.fixture
async def lacking(bin: Path, tmp_path: Path) -> AsyncIterator[Lacking]:
    """A target with no programs but those that are listed in local.py, and without some of these."""
    started = []

    def target(*without: str, **changes: object) -> LocalTarget:
        shell = (bin / "sh").readlink().name
        folder = bare_folder(shell, tmp_path / "bare", without=without)
        home = tmp_path / "bare home"
        home.mkdir()
        started.append(LocalTarget(folder, home, only=str(folder), **changes))  # type: ignore[arg-type]
        return started[-1]

    yield target
    for each in started:
        await each.close()


def long() -> int:
    """A time limit that no other run has: the sleep of its watcher is known by it."""
    return 50_000 + secrets.randbelow(10_000_000)


def needs_hiding() -> None:
    if not HIDDEN[0] or subprocess.run([*HIDDEN, "true"], capture_output=True).returncode != 0:
        pytest.skip("this account may not hide /proc")


async def is_stopped(runs: Runs, target: LocalTarget, command: str) -> None:
    run = runs(f"echo up; {command}", target=target, limit=long())
    attachment = await run.identified()
    attachment.send("guard")
    reading = asyncio.create_task(read(attachment))
    await until(lambda: run.out == b"up\n" and running("sleep", str(run.limit)))
    await attachment.stop("cancelled")
    await reading
    assert attachment.stream.record is not None
    assert attachment.stream.record.why == "cancelled"
    assert attachment.stream.leftovers == verify.Leftovers(None), "what left its parent and its group would not be seen"
    assert carrying(run.spool) == []
    await attachment.close()
    await until(lambda: not serving(run.spool) and not running("sleep", str(run.limit)))


@pytest.mark.parametrize("without", [(), ("setsid",)])
async def test_a_cancel_reaches_the_tree_that_ps_shows(runs: Runs, lacking: Lacking, without: tuple[str, ...]) -> None:
    target = lacking(*without, texts=FOREIGN)
    await is_stopped(runs, target, "sleep 300 & (sleep 300 & sleep 300); trap '' TERM; while :; do sleep 1; done")


async def test_a_cancel_reaches_the_command_itself_where_nothing_shows_processes(runs: Runs, lacking: Lacking) -> None:
    await is_stopped(runs, lacking("setsid", "ps", texts=FOREIGN), "exec sleep 300")


@pytest.mark.parametrize("without", [(), ("setsid",), ("setsid", "mkfifo")])
async def test_a_cancel_reaches_it_where_proc_is_empty(runs: Runs, lacking: Lacking, without: tuple[str, ...]) -> None:
    """As in some containers and jails: `ps` has nothing to read either."""
    needs_hiding()
    target = lacking(*without, prefix=HIDDEN)
    if "mkfifo" in without:
        assert (await runs("echo up", target=target).ran()).stream.lacks == ("mkfifo",)
    else:
        await is_stopped(runs, target, "exec sleep 300")


async def test_the_time_limit_reaches_it_when_nobody_watches(runs: Runs, lacking: Lacking) -> None:
    run = runs("echo up; sleep 300 & sleep 300", target=lacking("setsid", texts=FOREIGN), limit=1)
    await run.left()
    await until(lambda: not carrying(run.spool))
    attachment = await run.ran("known")
    assert attachment.stream.record is not None
    assert (attachment.stream.record.why, bytes(run.out)) == ("timeout", b"up\n")


async def test_what_cannot_be_ended_is_named(runs: Runs, lacking: Lacking, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = program.load_program

    def harmless(name: str) -> str:
        return texts(name).replace("kill -s", "true").replace("-lt 20", "-lt 2")

    with monkeypatch.context() as patched:
        patched.setattr(program, "load_program", harmless)
        run = runs("echo up; sleep 300 & wait", target=lacking("setsid", texts=FOREIGN))
        attachment = await run.identified()
        await until(lambda: len(carrying(run.spool)) == 2)
        await attachment.stop("cancelled")
    assert attachment.stream.leftovers is not None
    assert set(attachment.stream.leftovers.alive) == set(carrying(run.spool))
    assert await verify.end_marked(run.target, run.spool) == verify.Leftovers(None)
    await attachment.close()


@pytest.mark.parametrize("without", [(), ("setsid",)])
async def test_a_run_that_ends_leaves_no_sleep_of_its_time_limit(
    runs: Runs, lacking: Lacking, without: tuple[str, ...]
) -> None:
    run = runs("until [ -e go-on ]; do sleep 0.1; done", target=lacking(*without), limit=long())
    run.command = f"cd '{run.target.home}'; {run.command}"
    attachment = await run.identified()
    attachment.send("guard")
    await until(lambda: running("sleep", str(run.limit)))
    (run.target.home / "go-on").touch()
    await read(attachment)
    await until(lambda: not running("sleep", str(run.limit)))


@pytest.mark.parametrize("texts", [{}, FOREIGN], ids=["linux", "foreign"])
async def test_every_byte_comes_back(runs: Runs, lacking: Lacking, texts: dict[str, str]) -> None:
    target = lacking("setsid", texts=texts)
    run = runs(f"printf '{EVERY_BYTE}'; sleep 0.3; head -c 300000 /dev/zero >&2; exit 3", target=target)
    record = (await run.ran()).stream.record
    assert record is not None
    assert (record.status, record.why, run.out, run.err) == (3, "-", bytes(range(256)), bytes(300_000))


@pytest.mark.parametrize("name", ["cat", "tail", "rm", "sleep", "mkdir", "mkfifo", "wc"])
async def test_a_program_that_is_missing_is_named_before_anything_is_begun(
    runs: Runs, lacking: Lacking, tmp_path: Path, name: str
) -> None:
    run = runs(f"echo ran >{tmp_path}/counter", target=lacking(name, texts=FOREIGN))
    wire = (await run.ran()).stream
    assert (wire.refusal, wire.lacks) == ("none", (name,))
    assert not (tmp_path / "counter").exists()
    assert run.target.files <= set()


async def test_a_target_without_grep_claims_nothing(runs: Runs, lacking: Lacking) -> None:
    """Its /proc can be read, but not searched."""
    await is_stopped(runs, lacking("grep"), "sleep 300 & sleep 300")


@pytest.mark.parametrize("without", [(), ("mkfifo",)])
async def test_on_linux_no_named_pipes_are_made_where_a_shell_has_others(
    runs: Runs, lacking: Lacking, without: tuple[str, ...]
) -> None:
    run = runs("echo up", target=lacking(*without))
    await run.ran()
    assert bytes(run.out) == b"up\n"
    assert not {"5", "7"} & run.target.files
