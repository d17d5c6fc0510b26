"""Durable mode: the command runs in a session of its own on the target, and its output is read from a spool there.

Starting and attaching are one program, so that every driver sends the same: a first start, a new connection after a
cut, and another runner that adopts the run differ only in how many bytes they have received.
"""

import asyncio
from dataclasses import replace

from db.values import Mode, Reason, Stream
from runner.backoff import backoff
from runner.execution.attached_run import AttachedRun
from runner.execution.drive import Drive, Run
from runner.execution.durable_progress import DurableProgress
from runner.execution.outcome import (
    Outcome,
    StopReport,
    add_leftovers,
    build_failure,
    build_loss,
    conclude_cancelled,
    decide_by_exit,
)
from runner.execution.stopping import end_marked_processes, until_ended
from runner.execution.target_run import build_target_run
from runner.log import get_logger
from runner.output.buffer import FlowControl
from runner.remote import program
from runner.remote.attachment import STOP_SECONDS, Attachment
from runner.remote.program import AttachRequest
from runner.remote.verify import Leftovers
from runner.remote.wire import STDERR, STDIN, ExitRecord, RunStream
from runner.ssh.protocol import ConnectFailed, ShellSource

log = get_logger()

LATE_SECONDS = 30.0
CLEAR_SECONDS = 30.0
IDENTITY_SECONDS = 1.0
REASONS = {"timeout": Reason.TIMEOUT, "output": Reason.OUTPUT_LIMIT, "cancelled": Reason.CANCELLED}
WORDS = {reason: why for why, reason in REASONS.items()}
LOST = {
    "rebooted": "the target was restarted during the run",
    "killed": "what recorded the run on the target was killed",
    "vanished": "the run's folder on the target is gone",
    "unidentified": "what was to record the run on the target died at its start",
}
RESTORED = "; this service was restored from a backup of {taken_at}, and its end may have been recorded since"
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


class DurableRun(Run):
    """A durable run: attach, read to the end or stop, conclude; attach again after a cut; then remove the spool.

    It holds one attachment at a time, on one connection, and gives both back as soon as they are not needed. `_asked`
    is the reason to stop, if there is one.
    """

    def __init__(self, drive: Drive, shells: ShellSource) -> None:
        self._drive = drive
        self._shells = shells
        self._progress = DurableProgress.load(drive.row, drive.offsets, drive.parts.clock())
        self._target_run = build_target_run(drive, self._progress.spool)
        self._noted = not self._progress.fresh
        self._attached_at = 0.0
        self._asked: Reason | None = None
        self._attachment: Attachment | None = None
        self._fallback: AttachedRun | None = None

    async def execute(self) -> Outcome:
        await self.note_spool()
        outcome = await self._attempt()
        while outcome is None:
            await self._drive.disconnect()
            await self.detach()
            await asyncio.sleep(backoff(self._progress.attempts - 1, base=0.1))
            self._shells = await self._drive.connect()
            outcome = await self._attempt()
        return outcome

    async def note_spool(self) -> None:
        """Record the spool's name before anything is started, so that a runner that adopts the row finds the run."""
        if not self._noted:
            await self._drive.record_progress({"mode": Mode.DURABLE, "remote": self._progress.dump()})
            self._noted = True

    async def tidy_up(self) -> None:
        """Remove the run's spool and, once in a while, spools that other runs left behind."""
        if self._fallback is None and self._noted:
            await self._clear_spool()
            await self._drive.parts.sweeper.sweep(self._drive.parts.pool, self._drive.target)

    async def detach(self) -> None:
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            await attachment.close()

    async def _attempt(self) -> Outcome | None:
        """Attach once. Return None if the connection was cut or the channel refused: another attempt follows."""
        try:
            attachment = await self._attach()
        except ConnectFailed as error:
            self._drive.correct_begun(self._progress.may_have_begun)
            if not self._progress.retries(error):
                raise
            return None
        self._drive.output.set_flow(FlowControl(attachment.pause, attachment.resume))
        try:
            await self._read_or_stop(attachment)
            return await self._decide_outcome(attachment)
        finally:
            self._drive.output.set_flow(None)

    async def _attach(self) -> Attachment:
        """Attach to the run. Raises ConnectFailed if nothing was sent."""
        progress, drive = self._progress, self._drive
        progress.count_attempt()
        stream = RunStream(drive.output.write, progress.received)
        start_seconds = drive.parts.pool.start_seconds
        want = AttachRequest(
            how=progress.choose_start(cancelled=drive.cancelled.is_set()),
            nonce=stream.nonce,
            out=progress.received[Stream.STDOUT],
            err=progress.received[Stream.STDERR],
            soon=start_seconds / 4,
            limit=progress.get_limit(drive.parts.clock()),
        )
        text = program.build_attach(self._target_run, want)
        self._attachment = await Attachment.open(
            self._shells, text, stream, stdin=self._target_run.stdin, begin_seconds=start_seconds / 2
        )
        self._attached_at = asyncio.get_running_loop().time()
        progress.mark_sent()
        drive.correct_begun(True)
        return self._attachment

    async def _read_or_stop(self, attachment: Attachment) -> None:
        """Read to the end, or until there is a reason to stop the run; then stop it and read on."""
        drive = self._drive
        reading = asyncio.create_task(attachment.read(self._record_identity), name=f"reading execution {drive.row.id}")
        outlived = asyncio.get_running_loop().call_later(IDENTITY_SECONDS, attachment.stream.changed.set)
        try:
            if self._asked is None:
                late = self._progress.get_seconds_left(drive.parts.clock()) + LATE_SECONDS
                self._asked = await until_ended(reading, cancelled=drive.cancelled, output=drive.output, seconds=late)
            if not reading.done() and self._asked is not None:
                attachment.resume()
                await attachment.stop(WORDS[self._asked])
                await asyncio.wait([reading], timeout=STOP_SECONDS)
            if reading.done():
                reading.result()
        finally:
            outlived.cancel()
            reading.cancel()
            await asyncio.wait([reading])

    async def _record_identity(self, stream: RunStream, following: bool) -> None:
        """Record the run's location on its target and its processes.

        A command that ends within a second of its start is not worth that write: its end, or its output, says as much.
        """
        self._progress.keep_place(stream)
        if stream.place is None or stream.record is not None or (stream.place.fresh and not self._outlives()):
            return
        remote = self._progress.find_identity(stream)
        if remote is not None:
            await self._drive.record_progress({"remote": remote})
            self._progress.mark_recorded()

    def _outlives(self) -> bool:
        return asyncio.get_running_loop().time() - self._attached_at >= IDENTITY_SECONDS

    def _hold_identity(self, stream: RunStream) -> None:
        """Leave what is known of the run's processes to the write that records its end."""
        self._progress.keep_place(stream)
        remote = self._progress.find_identity(stream)
        if remote is not None:
            self._drive.hold({"remote": remote})

    async def _decide_outcome(self, attachment: Attachment) -> Outcome | None:
        """Return the outcome of an attachment, or None if it was cut short."""
        progress, stream, record = self._progress, attachment.stream, attachment.stream.record
        self._hold_identity(stream)
        if stream.refusal == "never":
            return conclude_cancelled() if self._drive.cancelled.is_set() else self._conclude_unstarted(stream)
        if STDIN in stream.lacks:
            return build_failure(Reason.START_FAILED, NO_INPUT.format(size=len(self._target_run.stdin)))
        if stream.refusal == "none" or progress.start_unconfirmed(stream):
            return await self._fall_back_to_attached(
                _explain_no_spool(stream) if stream.refusal == "none" else NO_SHELL
            )
        if progress.fails_to_start(stream):
            return self._conclude_unstarted(stream) if progress.is_given_up else None
        if record is not None and stream.is_complete:
            return await self._conclude_recorded(attachment, record)
        if stream.refusal == "lost":
            return await self._conclude_lost(attachment, stream.lost)
        if self._asked is not None and stream.channel_exit is None:
            return await self._conclude_stopped(attachment, self._asked)
        if stream.is_unidentified:
            return await self._conclude_lost(attachment, "unidentified")
        if record is not None and not stream.is_cut and progress.count_short_reading():
            return build_loss(f"{stream.missing} bytes of its output are gone from the target")
        return None

    async def _conclude_recorded(self, attachment: Attachment, record: ExitRecord) -> Outcome:
        """Conclude from the exit record; all of the output has arrived."""
        self._progress.mark_clean()
        reason = REASONS.get(record.why)
        if reason is not None:
            return await self._conclude_stopped(attachment, reason)
        outcome = decide_by_exit(record.status, None)
        if record.why in ("full", "cut") or attachment.stream.exceeds(record):
            self._drive.output.mark_truncated()
        return replace(outcome, message=INCOMPLETE[record.why]) if record.why in INCOMPLETE else outcome

    async def _conclude_stopped(self, attachment: Attachment, reason: Reason) -> Outcome:
        if reason is Reason.OUTPUT_LIMIT:
            self._drive.output.mark_truncated()
        leftovers = await self._end_leftovers(attachment)
        report = StopReport(reason, leftovers.verified_gone, leftovers.alive)
        return report.build_outcome(self._drive.row.timeout_seconds)

    async def _conclude_lost(self, attachment: Attachment, why: str) -> Outcome:
        """End what is left of a run that nothing supervises any more, unless it may have ended well since a backup."""
        if self._progress.restored is not None:
            return build_loss(f"{LOST.get(why, why)}{RESTORED.format(taken_at=self._progress.restored)}")
        leftovers = await self._end_leftovers(attachment)
        return add_leftovers(build_loss(LOST.get(why, why)), leftovers.verified_gone, leftovers.alive)

    def _conclude_unstarted(self, stream: RunStream) -> Outcome:
        self._drive.keep_early_output(stream.early_output)
        return build_failure(Reason.START_FAILED, NO_START)

    async def _end_leftovers(self, attachment: Attachment) -> Leftovers:
        """Find the run's remaining processes, also those in sessions of their own, and end them."""
        return await attachment.finish() or await end_marked_processes(self._shells, self._progress.spool)

    async def _fall_back_to_attached(self, why: str) -> Outcome:
        """Run it attached: nothing was started, and no spool can be made. The record says so."""
        drive = self._drive
        await self.detach()
        self._fallback = AttachedRun(drive, self._shells)
        if drive.cancelled.is_set():
            return conclude_cancelled()
        try:
            outcome = await self._fallback.execute()
        except ConnectFailed as error:
            outcome = drive.conclude_unstarted(error)
        return replace(outcome, message=f"{outcome.message}; {why}" if outcome.message else why)

    async def _clear_spool(self) -> None:
        """Remove the spool, whose record is now in the database. A spool that is missed here is swept by age."""
        prefix = self._progress.prefix
        if prefix is None or await self._clear_over_attachment():
            return
        pool, text = self._drive.parts.pool, program.build_clear(prefix, keep=True)
        try:
            async with asyncio.timeout(CLEAR_SECONDS), pool.channel(self._drive.target) as shells:
                await program.run(await shells.open_shell(on_output=lambda stream, data: None), text)
        except (ConnectFailed, TimeoutError, OSError) as error:
            log.info("a spool is left to be swept", execution=self._drive.row.id, cause=str(error))

    async def _clear_over_attachment(self) -> bool:
        """Remove the spool over the open channel.

        If a start may still be on its way over a stalled connection, the begin marker stays: without it that start
        would run the command again.
        """
        if self._attachment is None or self._attachment.stream.channel_exit is not None:
            return False
        return await self._attachment.clear(keep=not (self._progress.is_first and self._progress.is_clean))


def _explain_no_spool(stream: RunStream) -> str:
    """Explain why the target cannot run it durably."""
    if STDERR in stream.lacks:
        return NO_STDERR
    return NO_PROGRAM.format(names=", ".join(stream.lacks)) if stream.lacks else NO_FOLDER
