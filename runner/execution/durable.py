"""Durable mode: the command runs in a session of its own on the target, and we read what it leaves in its spool.

Start-or-attach is one program, so whoever drives the execution sends the same thing: a first start, a connection that
was cut, and another runner that takes over differ in nothing but how many bytes they have already.
"""

import asyncio
from dataclasses import replace
from functools import partial

import structlog

from db.values import Reason
from runner.backoff import backoff
from runner.execution.attached import end_marked_processes, run_attached
from runner.execution.drive import Drive
from runner.execution.durable_run import DurableRun
from runner.execution.outcome import (
    Outcome,
    StopReport,
    add_leftovers,
    build_failure,
    build_loss,
    conclude_cancelled,
    decide_by_exit,
)
from runner.execution.stopping import until_ended
from runner.output.buffer import FlowControl
from runner.remote import program
from runner.remote.attachment import STOP_SECONDS, Attachment
from runner.remote.verify import Leftovers
from runner.remote.wire import STDERR, STDIN, ExitRecord, RunStream
from runner.ssh.protocol import ConnectFailed, ShellSource

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


async def run_durable(drive: Drive, shells: ShellSource) -> Outcome:
    durable_run = await DurableRun.begin(drive)
    drive.afterwards = partial(_tidy_up, durable_run)
    outcome = await attempt(durable_run, shells)
    while outcome is None:
        await asyncio.sleep(backoff(durable_run.attempts - 1, base=0.1))
        async with drive.channel() as again:
            outcome = await attempt(durable_run, again)
    return outcome


async def attempt(durable_run: DurableRun, shells: ShellSource) -> Outcome | None:
    """One attachment. None: the connection was cut, or the channel refused; attach again."""
    try:
        attachment = await durable_run.attach(shells)
    except ConnectFailed as error:
        durable_run.drive.begun = durable_run.may_have_begun
        if not durable_run.retries(error):
            raise
        return None
    drive = durable_run.drive
    drive.sink.flow = FlowControl(attachment.pause, attachment.resume)
    try:
        await _read_or_stop(durable_run, attachment)
        return await _decide_outcome(durable_run, attachment, shells)
    finally:
        drive.sink.flow = None


async def _read_or_stop(durable_run: DurableRun, attachment: Attachment) -> None:
    """Read to the end, or until there is a reason to stop it; then stop it and read on."""
    drive = durable_run.drive
    reading = asyncio.create_task(
        attachment.read(durable_run.record_identity), name=f"reading execution {drive.row.id}"
    )
    try:
        if durable_run.asked is None:
            late = durable_run.seconds_left + LATE_SECONDS
            durable_run.asked = await until_ended(reading, cancelled=drive.cancelled, sink=drive.sink, seconds=late)
        if not reading.done() and durable_run.asked is not None:
            attachment.resume()
            await attachment.stop(WORDS[durable_run.asked])
            await asyncio.wait([reading], timeout=STOP_SECONDS)
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def _decide_outcome(durable_run: DurableRun, attachment: Attachment, shells: ShellSource) -> Outcome | None:
    """What the reading came to; None when it was cut short."""
    stream, record = attachment.stream, attachment.stream.record
    await durable_run.record_identity(stream, following=False)
    if stream.refusal == "never":
        return (
            conclude_cancelled() if durable_run.drive.cancelled.is_set() else _conclude_unstarted(durable_run, stream)
        )
    if STDIN in stream.lacks:
        return build_failure(Reason.START_FAILED, NO_INPUT.format(size=len(durable_run.run.stdin)))
    if stream.refusal == "none" or durable_run.start_unconfirmed(stream):
        return await _fall_back_to_attached(
            durable_run, shells, _explain_no_spool(stream) if stream.refusal == "none" else NO_SHELL
        )
    if durable_run.fails_to_start(stream):
        return _conclude_unstarted(durable_run, stream) if durable_run.is_given_up else None
    if record is not None and stream.is_complete:
        return await _conclude_recorded(durable_run, attachment, shells, record)
    if stream.refusal == "lost":
        return await _conclude_lost(durable_run, attachment, shells, stream.lost)
    if durable_run.asked is not None and stream.channel_exit is None:
        return await _conclude_stopped(durable_run, attachment, shells, durable_run.asked)
    if stream.is_unidentified:
        return await _conclude_lost(durable_run, attachment, shells, "unidentified")
    if record is not None and not stream.is_cut and durable_run.count_short_reading():
        return build_loss(f"{stream.missing} bytes of its output are gone from the target")
    return None


async def _conclude_recorded(
    durable_run: DurableRun, attachment: Attachment, shells: ShellSource, record: ExitRecord
) -> Outcome:
    """The end as the target recorded it, and all of the output has come."""
    durable_run.is_clean = True
    reason = REASONS.get(record.why)
    if reason is not None:
        return await _conclude_stopped(durable_run, attachment, shells, reason)
    outcome = decide_by_exit(record.status, None)
    sink = durable_run.drive.sink
    sink.truncated = sink.truncated or record.why in ("full", "cut") or attachment.stream.exceeds(record)
    return replace(outcome, message=INCOMPLETE[record.why]) if record.why in INCOMPLETE else outcome


def _explain_no_spool(stream: RunStream) -> str:
    """Why no run can go on there by itself."""
    if STDERR in stream.lacks:
        return NO_STDERR
    return NO_PROGRAM.format(names=", ".join(stream.lacks)) if stream.lacks else NO_FOLDER


async def _conclude_stopped(
    durable_run: DurableRun, attachment: Attachment, shells: ShellSource, reason: Reason
) -> Outcome:
    sink = durable_run.drive.sink
    sink.truncated = sink.truncated or reason is Reason.OUTPUT_LIMIT
    leftovers = await _end_leftovers(durable_run, attachment, shells)
    return StopReport(reason, leftovers.verified_gone, leftovers.alive).build_outcome(
        durable_run.drive.row.timeout_seconds
    )


async def _conclude_lost(durable_run: DurableRun, attachment: Attachment, shells: ShellSource, why: str) -> Outcome:
    """Nobody watches over what is left of it by now, so that is ended."""
    outcome = build_loss(LOST.get(why, why))
    leftovers = await _end_leftovers(durable_run, attachment, shells)
    return add_leftovers(outcome, leftovers.verified_gone, leftovers.alive)


async def _end_leftovers(durable_run: DurableRun, attachment: Attachment, shells: ShellSource) -> Leftovers:
    """Look for what of the run still lives, also in sessions of its own, and end that."""
    return await attachment.finish() or await end_marked_processes(shells, durable_run.run.spool)


def _conclude_unstarted(durable_run: DurableRun, stream: RunStream) -> Outcome:
    durable_run.drive.keep_early_output(stream.early_output)
    return build_failure(Reason.START_FAILED, NO_START)


async def _fall_back_to_attached(durable_run: DurableRun, shells: ShellSource, why: str) -> Outcome:
    """Nothing was started, and no spool can be: run it attached, and say so."""
    drive = durable_run.drive
    drive.afterwards = None
    if drive.cancelled.is_set():
        return conclude_cancelled()
    try:
        outcome = await run_attached(drive, shells)
    except ConnectFailed as error:
        outcome = drive.conclude_unstarted(error)
    return replace(outcome, message=f"{outcome.message}; {why}" if outcome.message else why)


async def _tidy_up(durable_run: DurableRun) -> None:
    """Our own spool goes, and now and then what others left."""
    await _clear_spool(durable_run)
    if durable_run.drive.target is not None:
        await durable_run.drive.parts.sweeper.sweep(durable_run.drive.parts.pool, durable_run.drive.target)


async def _clear_spool(durable_run: DurableRun) -> None:
    """Remove the spool: its record is ours now. What this misses is swept by age."""
    if durable_run.prefix is None or await durable_run.clear():
        return
    target, text = durable_run.drive.target, program.build_clear(durable_run.prefix, keep=True)
    if target is None:
        return
    try:
        async with asyncio.timeout(CLEAR_SECONDS), durable_run.drive.parts.pool.channel(target) as shells:
            await program.run(await shells.open_shell(on_output=lambda stream, data: None), text)
    except (ConnectFailed, TimeoutError, OSError) as error:
        log.info("a spool is left to be swept", execution=durable_run.drive.row.id, cause=str(error))
