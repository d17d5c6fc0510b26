"""What a command is given to read: whole, before it begins, and nowhere else. In each shell."""

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

from tests.support.local_target import LocalTarget, Runs, carrying, read, serving
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

MOST = random.Random(14).randbytes(1_048_576)
GIVEN = [
    b"x",
    b"\n",
    b"a\0b\nno line end",
    bytes(range(256)) * 3,
    b"stop cancelled\nclear\nexit\n",
    b"\x01" * 9000,
    MOST,
]


@pytest.mark.parametrize("given", GIVEN, ids=["one", "line", "zero", "bytes", "words", "marks", "most"])
async def test_every_byte_is_read_and_then_an_end(runs: Runs, local: LocalTarget, given: bytes) -> None:
    run = runs("cat", stdin=given)
    record = (await run.ran()).stream.record
    assert record is not None
    assert (record.status, record.out, record.why) == (0, len(given), "-")
    assert hashlib.sha256(run.out).digest() == hashlib.sha256(given).digest()
    assert local.files == {"go", "run", "stop", "end", "out", "err", "tails"}, "what it reads is gone once it is open"


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("true", b""),
        ("head -c 3", b"\0\1\2"),
        ("exec </dev/null; wc -c | tr -d ' '", b"0\n"),
        ("exec <&-; echo up", b"up\n"),
    ],
)
async def test_what_is_not_read_holds_nothing_up(runs: Runs, command: str, printed: bytes) -> None:
    run = runs(command, stdin=bytes(range(256)) * 4096)
    record = (await run.ran()).stream.record
    assert record is not None
    assert (record.status, bytes(run.out), bytes(run.err)) == (0, printed, b"")


async def test_a_shell_that_reads_its_program_runs_it_all(runs: Runs) -> None:
    run = runs("sh -s one", stdin=b"printf '%s ' \"$1\"\nif true; then\nprintf two\nfi")
    await run.ran()
    assert (bytes(run.out), bytes(run.err)) == (b"one two", b"")


async def test_without_any_there_is_an_end_at_once(runs: Runs) -> None:
    run = runs("wc -c | tr -d ' '")
    await run.ran()
    assert bytes(run.out) == b"0\n"


async def test_what_did_not_come_whole_starts_nothing_and_the_next_attempt_gives_all(
    runs: Runs, local: LocalTarget, tmp_path: Path
) -> None:
    run = runs(f"echo ran >>{tmp_path}/ran; cat", stdin=MOST)
    cut = await run.attach()
    assert await cut.stream.wait_until(lambda: cut.stream.input == "want", 10)
    cut.write(MOST[:-1])
    await cut.close()
    assert cut.stream.channel_exit is not None
    assert (cut.stream.place, cut.stream.input) == (None, "want")
    await run.ran()
    assert run.out == MOST
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert not [name for name in local.files if name.startswith("in")]


@pytest.mark.parametrize("word", ["", "stop cancelled\n"], ids=["gone", "stopped"])
async def test_who_is_gone_before_it_is_to_begin_starts_nothing(
    runs: Runs, local: LocalTarget, tmp_path: Path, word: str
) -> None:
    run = runs(f"touch {tmp_path}/ran", stdin=b"some")
    attachment = await run.attach()
    assert await attachment.stream.wait_until(lambda: attachment.stream.input == "want", 10)
    attachment.write(b"some")
    assert await attachment.stream.wait_until(lambda: attachment.stream.input == "got", 10)
    attachment.write(word.encode())
    attachment.process.write_eof()
    assert await attachment.stream.wait_until(lambda: attachment.stream.channel_exit is not None, 10)
    assert attachment.stream.refusal == "never"
    assert carrying(run.spool) == []
    again = await run.ran()
    assert again.stream.refusal == "never"
    assert not (tmp_path / "ran").exists()


async def test_who_takes_the_run_over_gives_nothing_again(runs: Runs, tmp_path: Path) -> None:
    run = runs(f"until [ -e {tmp_path}/go-on ]; do sleep 0.05; done; cat", stdin=MOST)
    first = await run.attach()
    reading = asyncio.create_task(read(first))
    assert await first.stream.wait_until(lambda: first.stream.identity is not None, 10)
    reading.cancel()
    await asyncio.wait([reading])
    await first.close()
    again = await run.attach("known")
    (tmp_path / "go-on").touch()
    await read(again)
    assert (again.stream.input, run.out == MOST) == (None, True)


async def test_what_cannot_be_kept_is_told_and_starts_nothing(runs: Runs, local: LocalTarget, tmp_path: Path) -> None:
    local.texts = {"main; exit": "ulimit -f 200; main; exit"}
    run = runs(f"touch {tmp_path}/ran", stdin=MOST)
    attachment = await run.ran()
    assert (attachment.stream.refusal, attachment.stream.lacks) == ("none", ("stdin",))
    assert local.files <= {"go"}
    assert not (tmp_path / "ran").exists()


async def test_it_is_in_no_argument_and_no_variable(runs: Runs, tmp_path: Path) -> None:
    secret = b"swordfish-" + random.Random(3).randbytes(9).hex().encode()
    run = runs(f"until [ -e {tmp_path}/go-on ]; do sleep 0.05; done; cat", stdin=secret)
    attachment = await run.attach()
    reading = asyncio.create_task(read(attachment))
    await until(lambda: carrying(run.spool) != [])
    found = [path.read_bytes() for pid in (*carrying(run.spool), *serving(run.spool)) for path in told_of(pid)]
    (tmp_path / "go-on").touch()
    await reading
    assert found
    assert not any(secret in text for text in found)
    assert run.out == secret


def told_of(pid: int) -> list[Path]:
    return [path for name in ("cmdline", "environ") if (path := Path(f"/proc/{pid}/{name}")).exists()]
