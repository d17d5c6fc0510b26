"""What was written first comes first, also when nobody watched, in each shell."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from db.values import Stream
from runner.remote.order import MOST_HELD, StreamOrder
from runner.remote.wire import RunStream
from runner.ssh.protocol import OnClosed, OnOutput
from tests.support.local_target import LocalShell, LocalTarget, Watched, read, serving
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

LINES = 20
WAITS = """
kept() { until [ "$(wc -c <"$1")" -ge "$2" ]; do sleep 0.01; done; }
marked() {
    last=0
    until [ "${last:-0}" -ge "$1" ]; do
        sleep 0.01
        while read -r out err; do last=$err; done <"$S.order"
    done
}
"""
ALTERNATING = f"""
until [ -e "$S.order" ]; do sleep 0.01; done
i=10
while [ $i -lt {10 + LINES} ]; do
    echo o$i; kept "$S.out" $(((i - 9) * 4))
    printf e$i, >&2; marked $(((i - 9) * 4))
    i=$((i + 1))
done
"""
EXPECTED = "".join(f"o{i}\ne{i}," for i in range(10, 10 + LINES)).encode()


@dataclass(slots=True, eq=False)
class Ordered(Watched):
    """A run on a target, whose output is kept in the order in which it came."""

    came: list[bytes] = field(default_factory=list)

    def keep(self, stream: str, data: bytes) -> None:
        self.kept[stream].extend(data)
        self.came.append(data)

    @property
    def output(self) -> bytes:
        return b"".join(self.came)


def described(local: LocalTarget, script: str, spool: str = "9-0011223344556677") -> Ordered:
    text = f"S={local.home}/.sshcast/{spool}\n{WAITS}{script}"
    return Ordered(target=local, command=text, spool=f"{spool}.")


async def test_what_was_written_while_nobody_watched_comes_in_its_order(local: LocalTarget) -> None:
    run = described(local, f"{ALTERNATING}exit 3")
    await run.left()
    await until(lambda: local.file("end").read_text().split())
    record = (await run.ran("known")).stream.record
    assert record is not None
    assert (record.status, run.output) == (3, EXPECTED)


async def test_who_comes_while_it_goes_on_gets_it_in_order(local: LocalTarget) -> None:
    run = described(local, f"{ALTERNATING}until [ -e '{local.home}/go-on' ]; do sleep 0.1; done; echo end")
    await run.left()
    await until(lambda: "order" in local.files and local.file("order").read_text().count("\n") >= LINES)
    reading = asyncio.create_task(read(await run.attach("known")))
    await until(lambda: len(run.output) == len(EXPECTED))
    (local.home / "go-on").touch()
    await reading
    assert run.output == EXPECTED + b"end\n"


class SlowStdout(LocalTarget):
    """A target whose stdout takes longer than its stderr, so that the marks arrive after what they order."""

    async def open_shell(self, *, on_output: OnOutput, on_closed: OnClosed | None = None) -> LocalShell:
        loop = asyncio.get_running_loop()

        def deliver(stream: str, data: bytes) -> None:
            loop.call_later(0.3 if stream == "stdout" else 0.0, on_output, stream, data)

        return await super().open_shell(on_output=deliver, on_closed=on_closed)


@pytest.mark.parametrize("ends", [True, False], ids=["has ended", "goes on"])
async def test_stderr_that_overtakes_its_marks_comes_in_its_order(local: LocalTarget, ends: bool) -> None:
    go_on = local.home / "go-on"
    waiting = "" if ends else f"until [ -e '{go_on}' ]; do sleep 0.1; done"
    run = described(SlowStdout(local.bin, local.home, begun=local.begun), f"{ALTERNATING}{waiting}")
    await run.left()
    await until(lambda: "order" in local.files and local.file("order").read_text().count("\n") >= LINES)
    if ends:
        await until(lambda: local.file("end").read_text().split())
    reading = asyncio.create_task(read(await run.attach("known")))
    await until(lambda: len(run.output) == len(EXPECTED))
    go_on.touch()
    await reading
    assert run.output == EXPECTED


async def test_what_a_short_run_wrote_last_comes_last(local: LocalTarget, bin: Path) -> None:
    if (bin / "tail").exists():
        pytest.skip("busybox compares times of files in seconds")
    run = described(local, "echo first >&2; kept $S.err 6; sleep 0.1; echo last")
    attachment = await run.identified()
    assert await attachment.stream.wait_until(lambda: attachment.stream.is_complete, 10)
    assert run.output == b"first\nlast\n"


async def test_the_marks_of_a_run_do_not_grow_for_ever(local: LocalTarget) -> None:
    """A flood is left out where it comes too fast; the file begins anew when it is long."""
    run = described(local, "until [ -e $S.order ]; do sleep 0.01; done; seq 300000 >&2; echo end")
    await run.left()
    await until(lambda: local.file("end").read_text().split())
    assert local.file("order").stat().st_size <= 101_000
    await run.ran("known")
    assert run.err == "".join(f"{i}\n" for i in range(1, 300_001)).encode()


async def test_nothing_records_any_more_once_the_run_has_ended(local: LocalTarget) -> None:
    run = described(local, f"{ALTERNATING}exit 0")
    await run.left()
    attachment = await run.ran("known")
    assert await attachment.clear(keep=False)
    await until(lambda: not serving(run.spool.removesuffix(".")))
    assert local.files == set()


class Passed:
    """Both streams as a `RunStream` passes them on."""

    def __init__(self) -> None:
        self.data = b""
        self.stream = RunStream(self.keep, dict.fromkeys(Stream, 0))
        for name in Stream:
            self.stream.feed(name, f"{self.stream.nonce} begin\n".encode())

    def keep(self, stream: str, data: bytes) -> None:
        self.data += data

    def say(self, *lines: str) -> None:
        for line in lines:
            self.stream.feed("stdout", f"{self.stream.nonce} {line}\n".encode())


def test_output_waits_for_the_marks_and_then_for_its_turn() -> None:
    told = Passed()
    told.say("order 2 1")
    told.stream.feed("stderr", b"xyz")
    told.stream.feed("stdout", b"a")
    assert told.data == b""
    told.say("order 3 2", "ordered")
    assert told.data == b"a"
    told.stream.feed("stdout", b"bcd")
    assert told.data == b"abxcydz"
    assert told.stream.received == {Stream.STDOUT: 4, Stream.STDERR: 3}
    told.stream.feed("stderr", b"!")
    assert told.data == b"abxcydz!"


def test_stderr_that_arrives_before_its_marks_waits_for_them() -> None:
    told = Passed()
    told.stream.feed("stderr", b"xy")
    assert told.data == b""
    told.say("order 1 1", "order 2 2", "ordered")
    told.stream.feed("stdout", b"ab")
    assert told.data == b"axby"


@pytest.mark.parametrize("word", ["ordered", "end 0 0 2 -", "lost killed", "begin direct", "begin watched"])
def test_stderr_waits_no_longer_than_until_no_mark_can_come(word: str) -> None:
    told = Passed()
    told.stream.feed("stderr", b"x")
    told.stream.feed("stdout", b"")
    assert told.data == b""
    told.say(word)
    told.stream.feed("stderr", b"y")
    assert told.data == b"xy"


def test_stdout_does_not_wait_for_marks_that_are_not_there() -> None:
    told = Passed()
    told.stream.feed("stderr", b"x")
    told.stream.feed("stdout", b"a")
    assert told.data == b"a"


def test_each_part_of_stderr_from_a_polled_target_waits_for_its_own_marks() -> None:
    told = Passed()
    told.stream.feed("stderr", b"vw")
    told.say("ordered 2")
    told.stream.feed("stderr", b"xy")
    told.stream.feed("stdout", b"a")
    assert told.data == b"vwa"
    told.say("order 2 3")
    told.stream.feed("stdout", b"bc")
    told.say("ordered 4")
    assert told.data == b"vwabxcy"
    told.stream.feed("stderr", b"z")
    assert told.data == b"vwabxcy"
    told.say("ordered -")
    assert told.data == b"vwabxcyz"


@pytest.mark.parametrize("mark", ["", "12", "1 2 3", "1 2x", "-1 2", "x 1"])
def test_what_is_no_mark_holds_nothing(mark: str) -> None:
    told = Passed()
    told.say(f"order {mark}", "ordered")
    told.stream.feed("stderr", b"e")
    told.stream.feed("stdout", b"o")
    assert told.data == b"eo"


def test_a_wrong_mark_holds_nothing_beyond_the_end() -> None:
    told = Passed()
    told.say("order 1000 1", "ordered")
    told.stream.feed("stderr", b"e")
    told.stream.feed("stdout", b"o")
    assert told.data == b"o"
    told.say("end 0 1 1 -")
    assert told.data == b"oe"
    assert told.stream.is_complete


def test_too_much_is_not_held() -> None:
    came: list[bytes] = []
    received = dict.fromkeys(Stream, 0)
    order = StreamOrder(lambda stream, data: came.append(data), received)
    order.add_mark("1 1")
    assert order.feed(Stream.STDERR, bytes(MOST_HELD))
    assert came == []
    assert not order.feed(Stream.STDERR, b"!")
    assert b"".join(came) == bytes(MOST_HELD) + b"!"
