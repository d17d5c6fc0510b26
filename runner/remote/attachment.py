"""One channel to a durable run on its target: it tells of the run, and hears words about it. See attach.sh."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from runner.connection import Exit, Process, Shells
from runner.remote.verify import Look
from runner.remote.wire import Place, Wire

BEGIN_SECONDS = 60.0
IDENTITY_SECONDS = 10.0
FOLLOW_SECONDS = (0.01, 0.05)
GUARD_SECONDS = 0.5
QUIET_SECONDS = 0.5
QUIETLY_SECONDS = 15.0
STOP_SECONDS = 15.0
CLEAR_SECONDS = 10.0
SLOWEST = 16_384
"""Bytes a second at which what a command reads has to come to its target."""


@dataclass(slots=True)
class Pace:
    """Seconds between two looks at a run that does not tell by itself: few while it says something, then ever more."""

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
    """A short run is over before it is worth while to be `following` it, or to have its time limit `guarded`.

    `held`: we take no output for now, and do again since `resumed`. `since` is when it was opened, by the loop's clock.
    `stdin` is what the command is to read, and `answered` how far we are in handing it over.
    """

    wire: Wire
    process: Process
    begin_seconds: float = BEGIN_SECONDS
    stdin: bytes = field(default=b"", repr=False)
    answered: str | None = None
    following: bool = False
    guarded: bool = False
    held: bool = False
    resumed: float = 0.0
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    pace: Pace = field(default_factory=Pace)

    @classmethod
    async def open(cls, shells: Shells, text: bytes, wire: Wire, *, stdin: bytes = b"") -> "Attachment":
        """Raises ConnectFailed when nothing was sent."""

        def closed(exit: Exit) -> None:
            wire.over = exit
            wire.changed.set()

        shell = await shells.open_shell(on_output=wire.feed, on_closed=closed)
        attachment = cls(wire, shell.process, stdin=stdin)
        attachment.write(text)
        return attachment

    async def read(self, learn: Callable[[Wire, bool], Awaitable[None]]) -> None:
        """Return when all has come, or no more will. Raises what reading the wire raised."""
        while not self._is_done():
            self.wire.changed.clear()
            await learn(self.wire, self.following)
            self._hand_over()
            word, seconds = self._next()
            missing = self.wire.missing
            if await self.wire.news(seconds):
                continue
            if word is not None:
                self.say(word)
            elif self.wire.missing == missing and self._was_open_for(seconds):
                break
        if self.wire.over is not None:
            await self.process.wait()

    def pause(self) -> None:
        """Take no more output for now: silence says nothing then."""
        self.held = True
        self.process.pause()

    def resume(self) -> None:
        """Silence counts from now on."""
        if self.held:
            self.resumed = asyncio.get_running_loop().time()
        self.held = False
        self.process.resume()

    def _hand_over(self) -> None:
        """What the command is to read, when the target wants it; once it has all of that, the word to begin."""
        asked, self.answered = self.answered, self.wire.input
        if self.wire.input == "want" != asked:
            self.write(self.stdin)
        elif self.wire.input == "got" != asked:
            self.say("start")

    async def stop(self, why: str) -> None:
        """End the run, and wait until what is left of it is known; what has not come up yet gets time to."""
        wire = self.wire
        await wire.until(lambda: self._has_ended or bool(wire.identity or wire.refusal), IDENTITY_SECONDS)
        if wire.refusal is None:
            self.say(f"stop {why}")
            await self._looked()

    async def finish(self) -> Look | None:
        """End what is left of it. None: the target does not tell."""
        if self.wire.look is None:
            self.say("finish")
            await self._looked()
        return self.wire.look

    async def clear(self, *, keep: bool) -> bool:
        """Have its files removed, but for the mark that it was begun. False when that is not certain."""
        self.say("clear keep" if keep else "clear")
        await self.wire.until(lambda: self._has_ended, CLEAR_SECONDS)
        return self.wire.over is not None and self.wire.over.status == 0

    async def close(self) -> None:
        await self.process.close()

    def say(self, words: str) -> None:
        self.following = self.following or words == "follow"
        self.guarded = self.guarded or words == "guard"
        self.write(f"{words}\n".encode())

    def write(self, data: bytes) -> None:
        """What cannot be written is not heard: the end of the channel tells."""
        with suppress(OSError):
            self.process.write(data)

    def _was_open_for(self, seconds: float) -> bool:
        """Whether we took what came, for so long."""
        return not self.held and asyncio.get_running_loop().time() - self.resumed >= seconds

    async def _looked(self) -> None:
        await self.wire.until(lambda: self._has_ended or self.wire.look is not None, STOP_SECONDS)

    @property
    def _has_ended(self) -> bool:
        return self.wire.over is not None

    def _is_done(self) -> bool:
        wire = self.wire
        return wire.complete or wire.over is not None or wire.refusal in ("none", "never", "again")

    def _next(self) -> tuple[str | None, float]:
        """What to say after how many seconds without news; None: then there is nothing to wait for."""
        wire, place = self.wire, self.wire.place
        waited = asyncio.get_running_loop().time() - self.since
        if wire.refusal is not None:
            return None, QUIET_SECONDS
        if place is None:
            sending = len(self.stdin) / SLOWEST if wire.input == "want" else 0.0
            return None, self.begin_seconds + sending
        if wire.identity is None and (place.fresh or waited > IDENTITY_SECONDS):
            return None, IDENTITY_SECONDS if place.fresh else QUIET_SECONDS
        if wire.record is not None and (not place.polls or self.pace.is_slow):
            return None, QUIET_SECONDS
        return self._next_while_it_runs(place, waited)

    def _next_while_it_runs(self, place: Place, waited: float) -> tuple[str, float]:
        """Where the target is slow to begin a run, it is slow to end one too, and following it can wait longer."""
        if place.fresh and not self.following:
            least, most = FOLLOW_SECONDS
            return "follow", min(most, max(least, 2 * waited))
        if place.fresh and not self.guarded and (waited > GUARD_SECONDS or not place.polls):
            return "guard", max(0.0, GUARD_SECONDS - waited)
        if place.fresh and not place.polls:
            return "look", QUIETLY_SECONDS
        return "look", self.pace.next(sum(self.wire.received.values()))
