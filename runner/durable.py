"""Durable mode: the command runs in a session of its own on the target, and we read what it leaves in its spool.

Start-or-attach is one program, so whoever drives the execution sends the same thing: a first start, a connection that
was cut, and another runner that takes over differ in nothing but how many bytes they have already.
"""

import asyncio
from dataclasses import replace
from functools import partial

import structlog

from db.values import Reason, State
from runner.attached import attached, looked
from runner.backoff import backoff
from runner.connection import ConnectFailed, Shells
from runner.execution import Drive
from runner.outcome import Outcome, Stopped, after_look, ended, failed, lost
from runner.remote import program
from runner.remote.attachment import STOP_SECONDS, Attachment
from runner.remote.verify import Look
from runner.remote.wire import STDERR, STDIN, Record, Wire
from runner.sink import Valve
from runner.spooled import Spooled
from runner.stopping import until_ended

log = structlog.get_logger()

LATE_SECONDS = 30.0
CLEAR_SECONDS = 30.0
REASONS = {"timeout": Reason.TIMEOUT, "output": Reason.OUTPUT_LIMIT, "cancelled": Reason.CANCELLED}
WORDS = {reason: why for why, reason in REASONS.items()}
LOST = {
    "rebooted": "the target was restarted during the run",
    "killed": "what recorded the run on the target was killed",
    "vanished": "the run's folder on the target is gone",
    "unidentified": "what was to record the run on the target died at its start",
}
NO_FOLDER = "ran attached to its connection: no folder on the target could be written"
NO_SHELL = "ran attached to its connection: the target's shell ended before it could make a folder for the run"
NO_START = (
    "Nothing was started: a shell answered, but the run could not begin there. "
    "Look whether the account may start processes, and whether its home can be used."
)
NO_INPUT = (
    "Nothing was started: the target could not keep the {size} bytes that the command is to read. "
    "Make room in the account's home there, or raise its quota or file size limit, and run it again."
)
NO_PROGRAM = "ran attached to its connection: the target has no {names}"
NO_STDERR = "ran attached to its connection: the account's login files lead stderr elsewhere"
FULL = "the disk of the target was full: what the command wrote after this output is lost"
LEFT = "a process that it left running still holds its output: what that writes after the first second is not kept"
INCOMPLETE = {"full": FULL, "left": LEFT, "cut": LEFT}


async def durable(drive: Drive, shells: Shells) -> Outcome:
    spooled = await Spooled.begin(drive)
    drive.afterwards = partial(tidied, spooled)
    outcome = await attempted(spooled, shells)
    while outcome is None:
        await asyncio.sleep(backoff(spooled.attempts - 1, base=0.1))
        async with drive.channel() as again:
            outcome = await attempted(spooled, again)
    return outcome


async def attempted(spooled: Spooled, shells: Shells) -> Outcome | None:
    """One attachment. None: the connection was cut, or the channel refused; attach again."""
    try:
        attachment = await spooled.attach(shells)
    except ConnectFailed as error:
        spooled.drive.begun = spooled.maybe_begun
        if not spooled.bears(error):
            raise
        return None
    drive = spooled.drive
    drive.sink.valve = Valve(attachment.pause, attachment.resume)
    try:
        await driven(spooled, attachment)
        return await outcome_of(spooled, attachment, shells)
    finally:
        drive.sink.valve = None


async def driven(spooled: Spooled, attachment: Attachment) -> None:
    """Read to the end, or until there is a reason to stop it; then stop it and read on."""
    drive = spooled.drive
    reading = asyncio.create_task(attachment.read(spooled.learn), name=f"reading execution {drive.row.id}")
    try:
        if spooled.asked is None:
            late = spooled.seconds_left + LATE_SECONDS
            spooled.asked = await until_ended(reading, cancelled=drive.cancelled, sink=drive.sink, seconds=late)
        if not reading.done() and spooled.asked is not None:
            attachment.resume()
            await attachment.stop(WORDS[spooled.asked])
            await asyncio.wait([reading], timeout=STOP_SECONDS)
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def outcome_of(spooled: Spooled, attachment: Attachment, shells: Shells) -> Outcome | None:
    """What the reading came to; None when it was cut short."""
    wire, record = attachment.wire, attachment.wire.record
    await spooled.learn(wire, following=False)
    if wire.refusal == "never":
        return never_started() if spooled.drive.cancelled.is_set() else not_begun(spooled, wire)
    if STDIN in wire.lacks:
        return failed(Reason.START_FAILED, NO_INPUT.format(size=len(spooled.run.stdin)))
    if wire.refusal == "none" or spooled.is_dumb(wire):
        return await fallen_back(spooled, shells, no_spool(wire) if wire.refusal == "none" else NO_SHELL)
    if spooled.fails_to_start(wire):
        return not_begun(spooled, wire) if spooled.is_given_up else None
    if record is not None and wire.complete:
        return await recorded(spooled, attachment, shells, record)
    if wire.refusal == "lost":
        return await given_up(spooled, attachment, shells, wire.lost)
    if spooled.asked is not None and wire.over is None:
        return await stopped(spooled, attachment, shells, spooled.asked)
    if wire.is_unidentified:
        return await given_up(spooled, attachment, shells, "unidentified")
    if record is not None and not wire.is_cut and spooled.read_short():
        return lost(f"{wire.missing} bytes of its output are gone from the target")
    return None


async def recorded(spooled: Spooled, attachment: Attachment, shells: Shells, record: Record) -> Outcome:
    """The end as the target recorded it, and all of the output has come."""
    spooled.is_clean = True
    reason = REASONS.get(record.why)
    if reason is not None:
        return await stopped(spooled, attachment, shells, reason)
    outcome = ended(record.status, None)
    sink = spooled.drive.sink
    sink.truncated = sink.truncated or record.why in ("full", "cut") or attachment.wire.exceeds(record)
    return replace(outcome, message=INCOMPLETE[record.why]) if record.why in INCOMPLETE else outcome


def no_spool(wire: Wire) -> str:
    """Why no run can go on there by itself."""
    if STDERR in wire.lacks:
        return NO_STDERR
    return NO_PROGRAM.format(names=", ".join(wire.lacks)) if wire.lacks else NO_FOLDER


async def stopped(spooled: Spooled, attachment: Attachment, shells: Shells, reason: Reason) -> Outcome:
    sink = spooled.drive.sink
    sink.truncated = sink.truncated or reason is Reason.OUTPUT_LIMIT
    look = await whatever_is_left(spooled, attachment, shells)
    return Stopped(reason, look.verified_gone, look.alive).outcome(spooled.drive.row.timeout_seconds)


async def given_up(spooled: Spooled, attachment: Attachment, shells: Shells, why: str) -> Outcome:
    """Nobody watches over what is left of it by now, so that is ended."""
    outcome = lost(LOST.get(why, why))
    look = await whatever_is_left(spooled, attachment, shells)
    return after_look(outcome, look.verified_gone, look.alive)


async def whatever_is_left(spooled: Spooled, attachment: Attachment, shells: Shells) -> Look:
    """Look for what of the run still lives, also in sessions of its own, and end that."""
    return await attachment.finish() or await looked(shells, spooled.run.spool)


def never_started() -> Outcome:
    return Outcome(state=State.CANCELLED, reason=Reason.CANCELLED, message="cancelled before it started")


def not_begun(spooled: Spooled, wire: Wire) -> Outcome:
    spooled.drive.keep_printed(wire.printed)
    return failed(Reason.START_FAILED, NO_START)


async def fallen_back(spooled: Spooled, shells: Shells, why: str) -> Outcome:
    """Nothing was started, and no spool can be: run it attached, and say so."""
    drive = spooled.drive
    drive.afterwards = None
    if drive.cancelled.is_set():
        return never_started()
    try:
        outcome = await attached(drive, shells)
    except ConnectFailed as error:
        outcome = drive.not_started(error)
    return replace(outcome, message=f"{outcome.message}; {why}" if outcome.message else why)


async def tidied(spooled: Spooled) -> None:
    """Our own spool goes, and now and then what others left."""
    await clear(spooled)
    if spooled.drive.target is not None:
        await spooled.drive.parts.sweeper.sweep(spooled.drive.parts.pool, spooled.drive.target)


async def clear(spooled: Spooled) -> None:
    """Remove the spool: its record is ours now. What this misses is swept by age."""
    if spooled.prefix is None or await spooled.cleared():
        return
    target, text = spooled.drive.target, program.clear(spooled.prefix, keep=True)
    if target is None:
        return
    try:
        async with asyncio.timeout(CLEAR_SECONDS), spooled.drive.parts.pool.channel(target) as shells:
            await program.run(await shells.open_shell(on_output=lambda stream, data: None), text)
    except (ConnectFailed, TimeoutError, OSError) as error:
        log.info("a spool is left to be swept", execution=spooled.drive.row.id, cause=str(error))
