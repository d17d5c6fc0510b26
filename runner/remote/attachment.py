"""One channel to a durable run on its target: receives its reports and sends it commands. See attach.sh."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from runner.remote.verify import Leftovers
from runner.remote.wire import RunStream, SpoolLocation
from runner.ssh.protocol import RemoteProcess, ShellSource

BEGIN_SECONDS = 60.0
IDENTITY_SECONDS = 10.0
FOLLOW_SECONDS = (0.01, 0.05)
GUARD_SECONDS = 0.5
QUIET_SECONDS = 0.5
QUIETLY_SECONDS = 15.0
STOP_SECONDS = 15.0
CLEAR_SECONDS = 10.0
SLOWEST = 16_384
"""The slowest rate, in bytes a second, at which standard input must reach the target."""


@dataclass(slots=True)
class PollInterval:
    """Seconds between two polls of a run that does not report by itself: short while output comes, then longer."""

    least: float = 0.05
    most: float = 1.0
    seconds: float = 0.05
    seen: int = -1

    @property
    def is_slow(self) -> bool:
        return self.seconds >= self.most

    def next(self, bytes_seen: int) -> float:
        self.seconds = self.least if bytes_seen != self.seen else min(self.most, self.seconds * 1.5)
        self.seen = bytes_seen
        return self.seconds


@dataclass(slots=True, eq=False)
class Attachment:
    """An attachment to a run.

    A short run ends before it pays to follow it (`following`) or to guard its time limit (`guarded`). `held` is set
    while output is paused; `resumed` is when it last resumed and `since` when the channel opened, by the loop's clock.
    `stdin` is the command's input, and `answered` the last request for it that was answered.
    """

    stream: RunStream
    process: RemoteProcess
    begin_seconds: float = BEGIN_SECONDS
    stdin: bytes = field(default=b"", repr=False)
    answered: str | None = None
    following: bool = False
    guarded: bool = False
    held: bool = False
    resumed: float = 0.0
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    poll_interval: PollInterval = field(default_factory=PollInterval)

    @classmethod
    async def open(
        cls,
        shells: ShellSource,
        text: bytes,
        stream: RunStream,
        *,
        stdin: bytes = b"",
        begin_seconds: float = BEGIN_SECONDS,
    ) -> "Attachment":
        """Open a channel and send the program. Raises ConnectFailed if nothing was sent."""
        shell = await shells.open_shell(on_output=stream.feed, on_closed=stream.close)
        attachment = cls(stream, shell.process, begin_seconds=begin_seconds, stdin=stdin)
        attachment.write(text)
        return attachment

    async def read(self, learn: Callable[[RunStream, bool], Awaitable[None]]) -> None:
        """Read until the run and its output are complete, or no more will come.

        `learn` gets the stream after each change. Errors from reading the stream are raised here.
        """
        while not self._is_done():
            self.stream.changed.clear()
            await learn(self.stream, self.following)
            self._hand_over()
            word, seconds = self._choose_next()
            missing = self.stream.missing
            if await self.stream.wait_for_change(seconds):
                continue
            if word is not None:
                self.send(word)
            elif self.stream.missing == missing and self._was_open_for(seconds):
                break
        if self.stream.channel_exit is not None:
            await self.process.wait()

    def pause(self) -> None:
        """Pause the output. Silence no longer means anything."""
        self.held = True
        self.process.pause()

    def resume(self) -> None:
        """Resume the output. Silence is measured from now on."""
        if self.held:
            self.resumed = asyncio.get_running_loop().time()
        self.held = False
        self.process.resume()

    def _hand_over(self) -> None:
        """Send standard input when the target asks for it, and the word to start once it has all of it."""
        asked, self.answered = self.answered, self.stream.input
        if self.stream.input == "want" != asked:
            self.write(self.stdin)
        elif self.stream.input == "got" != asked:
            self.send("start")

    async def stop(self, why: str) -> None:
        """Stop the run, and wait until its leftovers are known. A run that is still starting gets time to report."""
        stream = self.stream
        await stream.wait_until(lambda: self._has_ended or bool(stream.identity or stream.refusal), IDENTITY_SECONDS)
        if stream.refusal is None:
            self.send(f"stop {why}")
            await self._wait_for_leftovers()

    async def finish(self) -> Leftovers | None:
        """End the processes that are left. Return None if the target does not answer."""
        if self.stream.leftovers is None:
            self.send("finish")
            await self._wait_for_leftovers()
        return self.stream.leftovers

    async def clear(self, *, keep: bool) -> bool:
        """Remove the run's files, except with `keep` its begin marker. Return False if that is not certain."""
        self.send("clear keep" if keep else "clear")
        await self.stream.wait_until(lambda: self._has_ended, CLEAR_SECONDS)
        return self.stream.channel_exit is not None and self.stream.channel_exit.status == 0

    async def close(self) -> None:
        await self.process.close()

    def send(self, words: str) -> None:
        self.following = self.following or words == "follow"
        self.guarded = self.guarded or words == "guard"
        self.write(f"{words}\n".encode())

    def write(self, data: bytes) -> None:
        """Write to the channel. A failed write is ignored: the end of the channel reports it."""
        with suppress(OSError):
            self.process.write(data)

    def _was_open_for(self, seconds: float) -> bool:
        """True if output has not been paused for that long."""
        return not self.held and asyncio.get_running_loop().time() - self.resumed >= seconds

    async def _wait_for_leftovers(self) -> None:
        await self.stream.wait_until(lambda: self._has_ended or self.stream.leftovers is not None, STOP_SECONDS)

    @property
    def _has_ended(self) -> bool:
        return self.stream.channel_exit is not None

    def _is_done(self) -> bool:
        stream = self.stream
        return stream.is_complete or stream.channel_exit is not None or stream.refusal in ("none", "never", "again")

    def _choose_next(self) -> tuple[str | None, float]:
        """Return the word to send after how many seconds of silence; with None as word, waiting ends then."""
        stream, place = self.stream, self.stream.place
        waited = asyncio.get_running_loop().time() - self.since
        if stream.refusal is not None:
            return None, QUIET_SECONDS
        if place is None:
            sending = len(self.stdin) / SLOWEST if stream.input == "want" else 0.0
            return None, self.begin_seconds + sending
        if stream.identity is None and (place.fresh or waited > IDENTITY_SECONDS):
            return None, IDENTITY_SECONDS if place.fresh else QUIET_SECONDS
        if stream.record is not None and (not place.polls or self.poll_interval.is_slow):
            return None, QUIET_SECONDS
        return self._choose_next_while_running(place, waited)

    def _choose_next_while_running(self, place: SpoolLocation, waited: float) -> tuple[str, float]:
        """Return the next word while the run goes on.

        A target that is slow to start a run is slow to end one too, so following it can wait longer.
        """
        if place.fresh and not self.following:
            least, most = FOLLOW_SECONDS
            return "follow", min(most, max(least, 2 * waited))
        if place.fresh and not self.guarded and (waited > GUARD_SECONDS or not place.polls):
            return "guard", max(0.0, GUARD_SECONDS - waited)
        if place.fresh and not place.polls:
            return "look", QUIETLY_SECONDS
        return "look", self.poll_interval.next(sum(self.stream.received.values()))
