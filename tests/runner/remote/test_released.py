"""A run that the released version began is told and stopped as one of ours, in each shell.

released/attach-0.1.sh is what that version sent to a target, with placeholders for what differs from run to run.
"""

import asyncio
import secrets
from pathlib import Path

import pytest

from runner.remote import verify
from tests.support.local_target import LocalTarget, Runs, Watched, carrying, read, serving
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

TEXT = (Path(__file__).parent / "released" / "attach-0.1.sh").read_text()
EVERY_BYTE = "".join(f"\\{byte:03o}" for byte in range(256))


async def begun(run: Watched, local: LocalTarget) -> None:
    """By the released version, which then goes away."""
    values = {"ID": run.spool, "NONCE": secrets.token_hex(12), "LIMIT": str(run.limit), "CAP": str(run.cap)}
    text = TEXT.replace("@SCRIPT@", run.command.replace("'", "'\\''"))
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    told = bytearray()
    process = await local.start("", on_output=lambda stream, data: told.extend(data))
    process.write(text.encode())
    await until(lambda: f"{values['NONCE']} is ".encode() in told)
    await process.close()
    await until(lambda: "watch" in local.files)


async def test_it_is_adopted_in_mid_run_and_every_byte_comes_back(runs: Runs, local: LocalTarget) -> None:
    run = runs(
        f"printf '{EVERY_BYTE}'; cd '{local.home}'; until [ -e go-on ]; do sleep 0.1; done; "
        f"printf 'err{EVERY_BYTE}' >&2; head -c 300000 /dev/zero; exit 9"
    )
    await begun(run, local)
    reading = asyncio.create_task(read(attachment := await run.attach("known")))
    await until(lambda: len(run.out) == 256)
    (local.home / "go-on").touch()
    await reading
    record = attachment.stream.record
    assert record is not None
    assert (record.status, record.why) == (9, "-")
    assert (run.out, run.err) == (bytes(range(256)) + bytes(300_000), b"err" + bytes(range(256)))
    assert await attachment.clear(keep=False)
    assert local.files == set()
    await until(lambda: not serving(run.spool))


async def test_what_ended_meanwhile_is_told(runs: Runs, local: LocalTarget) -> None:
    run = runs("echo out; echo err >&2; sleep 0.5; exit 5")
    await begun(run, local)
    await until(lambda: local.file("end").read_text().endswith(".\n") or local.file("end").read_text().split())
    record = (await run.ran("known")).stream.record
    assert record is not None
    assert (record.status, run.out, run.err) == (5, b"out\n", b"err\n")


async def test_it_is_cancelled(runs: Runs, local: LocalTarget) -> None:
    run = runs("echo up; (trap '' TERM HUP; exec sleep 300) & sleep 300")
    await begun(run, local)
    reading = asyncio.create_task(read(attachment := await run.attach("known")))
    await until(lambda: run.out == b"up\n")
    await attachment.stop("cancelled")
    await reading
    assert attachment.stream.record is not None
    assert attachment.stream.record.why == "cancelled"
    assert attachment.stream.leftovers == verify.Leftovers(True)
    await attachment.close()
    await until(lambda: not carrying(run.spool) and not serving(run.spool))


async def test_its_time_limit_holds(runs: Runs, local: LocalTarget) -> None:
    run = runs("echo up; sleep 300", limit=2)
    await begun(run, local)
    record = (await run.ran("known")).stream.record
    assert record is not None
    assert (record.why, bytes(run.out)) == ("timeout", b"up\n")


async def test_it_is_not_begun_again(runs: Runs, local: LocalTarget, tmp_path: Path) -> None:
    run = runs(f"echo ran >>'{tmp_path}/counter'; sleep 0.3; exit 3")
    await begun(run, local)
    record = (await run.ran("start")).stream.record
    assert record is not None
    assert (record.status, (tmp_path / "counter").read_text()) == (3, "ran\n")
