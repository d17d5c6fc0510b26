"""What a command does, is told and finds, in each shell."""

import asyncio
from pathlib import Path

import pytest

from runner.remote import attachment
from tests.support.local_target import LocalTarget, Runs, read

pytestmark = pytest.mark.anyio

EVERY_BYTE = "".join(f"\\{byte:03o}" for byte in range(256))


async def test_every_byte_and_the_exit_status_come_back(runs: Runs) -> None:
    run = runs(f"printf '{EVERY_BYTE}'; printf 'err{EVERY_BYTE}' >&2; exit 3")
    record = (await run.ran()).stream.record
    assert (run.out, run.err) == (bytes(range(256)), b"err" + bytes(range(256)))
    assert record is not None
    assert (record.status, record.out, record.err, record.why) == (3, 256, 259, "-")


@pytest.mark.parametrize(
    "output",
    [
        b"plain",
        b"plain\n",
        b"\n\n \n",
        b"  a\tb \\ c\\\n d ",
        b"a\0b\n",
        bytes(range(1, 256)),
        b"x" * 2000,
        b"\xc3\xa9" * 1001,
    ],
    ids=["plain", "line", "lines", "blanks", "zero", "bytes", "most", "more"],
)
async def test_little_output_is_told_byte_for_byte(runs: Runs, tmp_path: Path, output: bytes) -> None:
    (tmp_path / "output").write_bytes(output)
    run = runs(f"cat {tmp_path}/output; cat {tmp_path}/output >&2")
    await run.ran()
    assert (run.out, run.err) == (output, output)


async def test_a_run_that_lasts_is_followed_as_it_goes(runs: Runs) -> None:
    run = runs("printf one; printf two >&2; sleep 0.6; printf three; sleep 0.3; printf four >&2")
    attachment = await run.attach()
    reading = asyncio.create_task(read(attachment))
    async with asyncio.timeout(10):
        while (run.out, run.err) != (b"one", b"two"):  # noqa: ASYNC110 - bytes have no event
            await asyncio.sleep(0.01)
    assert attachment.stream.record is None
    await reading
    assert (run.out, run.err) == (b"onethree", b"twofour")


@pytest.mark.parametrize("pause", ["", "sleep 0.3; "])
async def test_an_output_that_ends_like_the_beginning_of_a_line_for_us_is_whole_at_once(runs: Runs, pause: str) -> None:
    run = runs(f"printf 'a\\001'; {pause}printf 'b\\001' >&2")
    attachment = await run.ran()
    assert (bytes(run.out), bytes(run.err)) == (b"a\x01", b"b\x01")
    assert attachment.stream.is_complete


async def test_outputs_that_are_opened_anew_lose_nothing(runs: Runs) -> None:
    run = runs("echo a >&2; echo b >/dev/stderr; echo c >&2; echo d; echo e >/dev/stdout; echo f | tee /dev/stderr")
    await run.ran()
    assert (run.out, run.err) == (b"d\ne\nf\n", b"a\nb\nc\nf\n")


async def test_what_the_command_gets_is_its_own(runs: Runs) -> None:
    """Its environment, an end of file, and the signals that a command of ssh gets; and not our descriptors."""
    odd = "q'uo\nte $HOME \\ !"
    run = runs(
        'printf "%s|" "$ODD" "$SSHCAST_SPOOL"; /bin/cat; /bin/grep SigIgn /proc/self/status; /bin/ls /proc/self/fd',
        env={"ODD": odd, "PATH": "/nowhere", "IFS": "/"},
    )
    await run.ran()
    told = run.out.decode()
    assert told == f"{odd}|{run.spool}|SigIgn:\t0000000000000000\n0\n1\n2\n3\n"  # 3 is the folder that ls reads
    assert run.err == b""


async def test_a_writer_whose_reader_is_gone_ends_quietly(runs: Runs) -> None:
    run = runs("yes | head -n 1")
    await run.ran()
    assert (run.out, run.err) == (b"y\n", b"")


async def test_a_command_that_kills_its_group_kills_nothing_of_ours(runs: Runs) -> None:
    run = runs("echo up; kill -TERM 0; sleep 5")
    record = (await run.ran()).stream.record
    assert record is not None
    assert (record.status, run.out) == (143, b"up\n")


async def test_what_holds_the_outputs_does_not_hold_the_run(runs: Runs) -> None:
    run = runs("echo up; (sleep 0.2; echo late; sleep 30) & exit 4")
    attachment = await run.ran()
    record = attachment.stream.record
    assert record is not None
    assert (record.status, run.out) == (4, b"up\nlate\n")
    look = await attachment.finish()
    assert look is not None
    assert look.verified_gone is True


async def test_the_cap_holds_when_nobody_watches(runs: Runs, local: LocalTarget) -> None:
    run = runs("yes & yes >&2; wait", cap=100_000)
    await run.left()
    attachment = await run.ran("known")
    record = attachment.stream.record
    assert record is not None
    assert record.why == "output"
    assert 100_000 < max(record.out, record.err) <= 100_512
    assert local.file("out").stat().st_size == record.out
    assert run.out[:4] == b"y\ny\n"


async def test_a_spool_is_cleared_once_it_is_told(runs: Runs, local: LocalTarget) -> None:
    attachment = await runs("echo hi").ran()
    assert "end" in local.files
    assert await attachment.clear(keep=False)
    assert local.files == set()


async def test_the_folder_is_for_the_account_alone(runs: Runs, local: LocalTarget) -> None:
    await runs("true").ran()
    assert (local.home / ".sshcast").stat().st_mode & 0o777 == 0o700


async def test_five_megabytes_come_back_whole(runs: Runs) -> None:
    run = runs("head -c 5000000 /dev/zero; head -c 300000 /dev/zero >&2; exit 9")
    record = (await run.ran()).stream.record
    assert record is not None
    assert (record.status, len(run.out), len(run.err)) == (9, 5_000_000, 300_000)
    assert not any(run.out)


async def test_the_text_of_a_command_may_be_long_and_odd(runs: Runs) -> None:
    tail = "# '\"\\$(" * 1500
    run = runs(f"echo 'it''s' \"$0\" \\\n$((1 + 1))\n{tail}")
    await run.ran()
    assert run.out.startswith(b"its ")
    assert run.out.endswith(b"sh 2\n")


async def test_a_home_that_cannot_be_written_gives_way_to_another_folder(runs: Runs, local: LocalTarget) -> None:
    local.home = Path("/proc")
    attachment = await runs("echo hi").ran()
    assert attachment.stream.place is not None
    assert attachment.stream.place.prefix.startswith("/var/tmp/.sshcast-sshcast-test/")
    assert await attachment.clear(keep=False)


async def test_output_that_is_held_back_by_us_is_not_taken_for_lost(runs: Runs) -> None:
    """The end is told while most of the output is still under way."""
    size = 60_000_000
    run = runs(f"echo up; sleep 0.2; head -c {size} /dev/zero", cap=size + 100)
    attached = await run.attach()
    wire = attached.stream
    reading = asyncio.create_task(read(attached))
    assert await wire.wait_until(lambda: wire.record is not None, 20)
    if wire.missing == 0:
        pytest.skip("all of it came before its end was told, as it may where output is polled")
    attached.pause()
    await asyncio.sleep(2 * attachment.QUIET_SECONDS)
    assert not reading.done()
    attached.resume()
    await reading
    assert len(run.out) == size + 3
