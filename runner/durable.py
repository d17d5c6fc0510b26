"""Durable mode: the command runs in a session of its own on the target, and we read what it leaves in its spool.

Start-or-attach is one program, so whoever drives the execution sends the same thing: a first start, a connection that
was cut, and another runner that takes over differ in nothing but how many bytes they have already.
"""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from db.values import Mode, Reason, Stream
from runner import quoting
from runner.attached import attached
from runner.backoff import backoff
from runner.execution import Drive
from runner.outcome import Outcome, Stopped, ended, lost
from runner.remote import program, verify
from runner.remote.program import Run
from runner.remote.wire import Wire
from runner.sink import Valve
from runner.ssh import ConnectFailed, Connection, Process
from runner.stopping import until_ended

log = structlog.get_logger()

LATE_SECONDS = 30.0
LOCATE_SECONDS = 5.0
STOP_SECONDS = 15.0
QUIET_SECONDS = 0.5
CLEAR_SECONDS = 30.0
MOST_SHORT_READINGS = 3
REASONS = {"timeout": Reason.TIMEOUT, "output": Reason.OUTPUT_LIMIT, "cancelled": Reason.CANCELLED}
WORDS = {reason: why for why, reason in REASONS.items()}
LOST = {
    "rebooted": "the target was restarted during the run",
    "killed": "what recorded the run on the target was killed",
    "vanished": "the run's folder on the target is gone",
    "unidentified": "what was to record the run on the target died at its start",
}
FALLBACK = "ran attached to its connection: no folder on the target could be written"


@dataclass(slots=True, eq=False)
class Spooled:
    """A durable run being driven: what its target knows of it, how far we have read, and why it is to stop, if it is.

    `known`: it was started for certain, so that a spool which is gone means a lost run and never a first start.
    """

    drive: Drive
    run: Run
    known: bool
    received: dict[Stream, int]
    folder: str | None = None
    asked: Reason | None = None
    short_readings: int = 0
    located: asyncio.Event = field(default_factory=asyncio.Event)

    async def learn(self, wire: Wire) -> None:
        """Where the run is on its target, and once it is started for certain, who."""
        if wire.folder is not None:
            self.folder = wire.folder
            self.located.set()
        if wire.identity is not None and not self.known and wire.record is None:
            known = {"spool": self.run.spool, "folder": self.folder, "known": True}
            await self.drive.note({"remote": known | wire.identity.shown()})
            self.known = True


async def durable(drive: Drive, connection: Connection) -> Outcome:
    spooled = await begun(drive)
    drive.afterwards = partial(clear, spooled)
    outcome = await attempted(spooled, connection)
    cuts = 0
    while outcome is None:
        await asyncio.sleep(backoff(cuts, base=0.1))
        cuts += 1
        async with drive.channel() as again:
            outcome = await attempted(spooled, again)
    return outcome


async def begun(drive: Drive) -> Spooled:
    """Note the spool's name before anything is started, so that whoever comes after us finds the run."""
    row, remote = drive.row, drive.row.remote
    if remote is None:
        remote = {"spool": f"{row.id}-{secrets.token_hex(8)}."}
        await drive.note({"mode": Mode.DURABLE, "remote": remote})
    run = Run(
        spool=remote["spool"],
        script=quoting.script(row.command, row.working_dir),
        env=row.env,
        timeout_seconds=row.timeout_seconds,
        output_limit=row.output_limit,
    )
    spooled = Spooled(drive, run, "known" in remote, dict(drive.sink.offsets), remote.get("folder"))
    if spooled.folder is not None:
        spooled.located.set()
    return spooled


async def attempted(spooled: Spooled, connection: Connection) -> Outcome | None:
    """One attachment. None: the connection was cut, or the channel refused; attach again."""
    drive, run = spooled.drive, spooled.run
    wire = Wire(drive.sink.write, spooled.received)
    out, err = spooled.received[Stream.STDOUT], spooled.received[Stream.STDERR]
    text = program.attach(run, nonce=wire.nonce, out=out, err=err, known=spooled.known)
    try:
        process = await connection.start(program.SHELL, on_output=wire.feed)
    except ConnectFailed as error:
        if not error.passing:
            raise
        return None
    drive.sink.valve = Valve(process.pause, process.resume)
    try:
        process.write(text)
        return await driven(spooled, wire, process, connection)
    except OSError:
        return None
    finally:
        drive.sink.valve = None
        await process.close()


async def driven(spooled: Spooled, wire: Wire, process: Process, connection: Connection) -> Outcome | None:
    """Read to the end, or until there is a reason to stop it; then stop it and read on."""
    drive = spooled.drive
    reading = asyncio.create_task(read(spooled, wire, process), name=f"reading execution {drive.row.id}")
    try:
        if spooled.asked is None:
            late = drive.row.timeout_seconds + LATE_SECONDS
            spooled.asked = await until_ended(reading, cancelled=drive.cancelled, sink=drive.sink, seconds=late)
        if not reading.done() and spooled.asked is not None:
            process.resume()
            await stop(spooled, connection, spooled.asked)
            await asyncio.wait([reading], timeout=STOP_SECONDS)
        if reading.done():
            reading.result()
        return await outcome_of(spooled, wire, connection, over=reading.done())
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def read(spooled: Spooled, wire: Wire, process: Process) -> None:
    """Return when all has come, or no more will: the attachment is over, or what is promised does not come."""
    over = asyncio.create_task(process.wait(), name="end of an attachment")
    try:
        while not (wire.complete or wire.no_spool or over.done()):
            wire.changed.clear()
            await spooled.learn(wire)
            before = wire.missing
            changed = asyncio.create_task(wire.changed.wait(), name="news of an attachment")
            quiet = None if wire.record is None and wire.lost is None else QUIET_SECONDS
            await asyncio.wait({over, changed}, timeout=quiet, return_when=asyncio.FIRST_COMPLETED)
            news = changed.done()
            changed.cancel()
            await asyncio.wait([changed])
            if quiet and not news and wire.missing == before:
                return
    finally:
        over.cancel()
        await asyncio.wait([over])


async def stop(spooled: Spooled, connection: Connection, reason: Reason) -> None:
    """Ask the target to end the run's session. One that has not told where it is in time, `verify` ends by its mark."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOCATE_SECONDS):
            await spooled.located.wait()
    if spooled.folder is None:
        return
    text = program.stop(spooled.folder, WORDS[reason])
    process = await connection.start(program.SHELL, on_output=lambda stream, data: None, stdin=text)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("stopping a run takes long", execution=spooled.drive.row.id)
    finally:
        await process.close()


async def outcome_of(spooled: Spooled, wire: Wire, connection: Connection, *, over: bool) -> Outcome | None:
    """What the reading came to; None when it was cut short."""
    record = wire.record
    await spooled.learn(wire)
    if wire.no_spool:
        return await fallen_back(spooled, connection)
    if record is not None and wire.complete:
        reason = REASONS.get(record.why)
        return ended(record.status, None) if reason is None else await stopped(spooled, connection, reason)
    if wire.lost is not None:
        return lost(LOST.get(wire.lost, wire.lost))
    if spooled.asked is not None and (not over or record is not None):
        return await stopped(spooled, connection, spooled.asked)
    if record is not None:
        spooled.short_readings += 1
        if spooled.short_readings >= MOST_SHORT_READINGS:
            return lost(f"{wire.missing} bytes of its output are gone from the target")
    return None


async def stopped(spooled: Spooled, connection: Connection, reason: Reason) -> Outcome:
    """Look for whatever of the run still lives, also in sessions of its own, and end that too."""
    drive = spooled.drive
    drive.sink.truncated = drive.sink.truncated or reason is Reason.OUTPUT_LIMIT
    look = await verify.end_marked(connection, spooled.run.spool)
    return Stopped(reason, look.verified_gone, look.alive).outcome(drive.row.timeout_seconds)


async def fallen_back(spooled: Spooled, connection: Connection) -> Outcome:
    """Nothing was started, and no spool can be: run it attached, and say so."""
    drive = spooled.drive
    drive.afterwards = None
    await drive.note({"mode": Mode.ATTACHED})
    outcome = await attached(drive, connection)
    return replace(outcome, message=f"{outcome.message}; {FALLBACK}" if outcome.message else FALLBACK)


async def clear(spooled: Spooled) -> None:
    """Remove the spool: its record is ours now. What this misses is swept by age."""
    target, folder = spooled.drive.target, spooled.folder
    if target is None or folder is None:
        return
    try:
        async with asyncio.timeout(CLEAR_SECONDS), spooled.drive.parts.pool.channel(target) as connection:
            line = f"exec rm -rf -- {quoting.quote(folder)}"
            process = await connection.start(line, on_output=lambda stream, data: None, stdin=b"")
            await process.wait()
    except (ConnectFailed, TimeoutError, OSError) as error:
        log.info("a spool is left to be swept", execution=spooled.drive.row.id, cause=str(error))
