"""A durable run as its driver knows it."""

import secrets
from dataclasses import dataclass

from db.values import Mode, Reason, Stream
from runner.execution import target_run
from runner.execution.drive import Drive
from runner.remote import program
from runner.remote.attachment import Attachment
from runner.remote.program import AttachRequest, StartMode, TargetRun
from runner.remote.wire import RunStream
from runner.ssh.protocol import ConnectFailed, ShellSource

MOST_FIRST_ATTEMPTS = 3
MOST_SHORT_READINGS = 3


@dataclass(slots=True, eq=False)
class DurableRun:
    """What its target tells of it, how far we have read, and why it is to stop, if it is.

    `began` is when it was first attempted, in seconds of the service's clock. `known`: it was started for certain, so
    that a spool which is gone means a lost run and never a first start. `fresh`: nobody attempted it before us.
    `failed_starts`: how many attempts did not come to a beginning, in a shell that had answered: what remains then is
    to see that it never begins. `had`: bytes that we had before the last attempt. `short_readings`: how many in a row
    ended too early and brought nothing. `is_clean`: it has ended, and its output is ours.
    """

    drive: Drive
    run: TargetRun
    began: float
    known: bool
    fresh: bool
    received: dict[Stream, int]
    prefix: str | None = None
    asked: Reason | None = None
    attempts: int = 0
    sent: bool = False
    had: int = 0
    short_readings: int = 0
    is_clean: bool = False
    attachment: Attachment | None = None
    failed_starts: int = 0

    @classmethod
    async def begin(cls, drive: Drive) -> "DurableRun":
        """Note the spool's name before anything is started, so that whoever comes after us finds the run."""
        row, remote = drive.row, drive.row.remote
        fresh = remote is None
        if remote is None:
            remote = {"spool": f"{row.id}-{secrets.token_hex(8)}.", "at": drive.parts.clock().timestamp()}
            await drive.record_progress({"mode": Mode.DURABLE, "remote": remote})
        run = target_run.build_target_run(drive, remote["spool"])
        received = dict(drive.offsets)
        durable_run = cls(drive, run, remote["at"], "known" in remote, fresh, received, remote.get("prefix"))
        drive.held.push_async_callback(durable_run.detach)
        return durable_run

    @property
    def seconds_left(self) -> float:
        """Until its time limit, if its first attempt started it."""
        return self.drive.row.timeout_seconds - (self.drive.parts.clock().timestamp() - self.began)

    @property
    def is_first(self) -> bool:
        """Nothing but this attempt was ever sent to the target."""
        return self.fresh and self.attempts == 1

    @property
    def may_have_begun(self) -> bool:
        """Something was sent to the target, by us or before us."""
        return self.sent or not self.fresh

    def retries(self, error: ConnectFailed) -> bool:
        """Whether to try again. What runs on a target that gives no channel now is not lost for that."""
        if self.may_have_begun:
            return error.passing or error.reason == Reason.START_FAILED
        return error.passing and self.attempts < MOST_FIRST_ATTEMPTS

    @property
    def how(self) -> StartMode:
        """What was cancelled before it was started for certain is not to be started any more."""
        if self.known:
            return "known"
        return "never" if self.drive.cancelled.is_set() or self.start_failed else "start"

    async def attach(self, shells: ShellSource) -> Attachment:
        """Raises ConnectFailed when nothing was sent."""
        await self.detach()
        self.attempts += 1
        self.had = sum(self.received.values())
        stream = RunStream(self.drive.sink.write, self.received)
        want = AttachRequest(
            how=self.how,
            nonce=stream.nonce,
            out=self.received[Stream.STDOUT],
            err=self.received[Stream.STDERR],
            soon=self.drive.parts.pool.start_seconds / 4,
            limit=self.drive.row.timeout_seconds if self.is_first else max(1, round(self.seconds_left)),
        )
        text = program.build_attach(self.run, want)
        self.attachment = await Attachment.open(shells, text, stream, stdin=self.run.stdin)
        self.attachment.begin_seconds = self.drive.parts.pool.start_seconds / 2
        self.sent = True
        return self.attachment

    async def record_identity(self, stream: RunStream, following: bool) -> None:
        """Keep where the run is on its target, and who. A short run ends before that is worth a write."""
        if stream.place is None:
            return
        self.prefix = stream.place.prefix
        if stream.identity is None or self.known or stream.record is not None or (stream.place.fresh and not following):
            return
        known = {"spool": self.run.spool, "at": self.began, "known": True, "prefix": self.prefix}
        await self.drive.record_progress({"remote": known | stream.identity.dump()})
        self.known = True

    def count_short_reading(self) -> bool:
        """The record promises more than has come. True when that is not worth another try: nothing comes any more."""
        self.short_readings = 0 if sum(self.received.values()) > self.had else self.short_readings + 1
        return self.short_readings >= MOST_SHORT_READINGS

    def start_unconfirmed(self, stream: RunStream) -> bool:
        """The channel's shell ended before it could make a spool, so nothing was started."""
        return (
            self.is_first
            and stream.place is None
            and stream.channel_exit is not None
            and stream.channel_exit.status is not None
        )

    def fails_to_start(self, stream: RunStream) -> bool:
        """The shell ended after it was to start the run and before the run told of itself, or did not get as far."""
        if self.known or stream.refusal is not None or stream.identity is not None or stream.record is not None:
            return False
        is_over = stream.channel_exit is not None and stream.channel_exit.status is not None
        has_failed = (
            is_over if stream.place is not None and stream.place.fresh else stream.place is None and not stream.is_cut
        )
        self.failed_starts += has_failed
        return has_failed

    @property
    def start_failed(self) -> bool:
        return self.failed_starts > 0

    @property
    def is_given_up(self) -> bool:
        """A second shell could not even see that it never begins, and nobody has told that it did."""
        return self.failed_starts > 1 and self.fresh and self.prefix is None

    async def clear(self) -> bool:
        """Have the spool removed over the channel that is still there. Where a start may still be on its way in a
        connection that stalls, the mark stays that it was begun: else it would start the run again.
        """
        if self.attachment is None or self.attachment.stream.channel_exit is not None:
            return False
        return await self.attachment.clear(keep=not (self.is_first and self.is_clean))

    async def detach(self) -> None:
        attachment, self.attachment = self.attachment, None
        if attachment is not None:
            await attachment.close()
