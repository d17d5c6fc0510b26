"""A command on one SSH channel, fed by asyncssh's session callbacks (reading line by line costs twenty times more)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncssh

from runner.ssh.protocol import Exit, OnOutput

EOF_GRACE_SECONDS = 5.0
EOF_GRACE_ROUNDS = 12
CLOSE_SECONDS = 5.0


class SSHProcess(asyncssh.SSHClientSession[bytes]):
    """A `runner.ssh.protocol.RemoteProcess`. `opened` is set once the command may have started."""

    def __init__(self, *, on_output: OnOutput, on_closed: Callable[[Exit], None] | None) -> None:
        self.opened = False
        self._on_output = on_output
        self._on_closed = on_closed
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._status: int | None = None
        self._signal: str | None = None
        self._eof = False
        self._paused = False
        self._packets = 0
        self._grace: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None

    @property
    def is_ended(self) -> bool:
        return self._ended.done()

    async def wait(self) -> Exit:
        exit = await asyncio.shield(self._ended)
        if self._failure is not None:
            raise self._failure
        return exit

    def pause(self) -> None:
        self._paused = True
        if self._channel is not None:
            self._channel.pause_reading()

    def resume(self) -> None:
        self._paused = False
        if self._channel is not None:
            self._channel.resume_reading()

    def write(self, data: bytes) -> None:
        if self._channel is None:
            raise BrokenPipeError("the channel is not open")
        self._channel.write(data)

    def write_eof(self) -> None:
        if self._channel is not None:
            self._channel.write_eof()

    def signal(self, name: str) -> None:
        if self._channel is not None and not self._ended.done():
            self._channel.send_signal(name.upper().removeprefix("SIG"))

    def abort(self) -> None:
        """Close the channel now, and drop unread output."""
        self._finish(lost=not self._has_exit)
        if self._channel is not None:
            self._channel.abort()

    async def close(self) -> None:
        channel = self._channel
        self.abort()
        if channel is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await channel.wait_closed()

    # Callbacks of asyncssh. An exception here would end the whole connection, with all commands on it.

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.opened = True
        self._channel = chan
        if self._paused:
            chan.pause_reading()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._packets += 1
        if self._failure is not None:
            return
        try:
            self._on_output("stdout" if datatype is None else "stderr", data)
        except Exception as error:
            self._failure = error
            self.abort()

    def eof_received(self) -> bool:
        self._eof = True
        return True  # our end stays open: only write_eof closes stdin

    def exit_status_received(self, status: int) -> None:
        self._status = status
        self._await_eof(EOF_GRACE_ROUNDS)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._signal = signal
        self._await_eof(EOF_GRACE_ROUNDS)

    def connection_lost(self, exc: Exception | None) -> None:
        # With an error the connection was lost, and perhaps output after the last byte received.
        self._finish(lost=not self._has_exit or (exc is not None and not self._eof))

    @property
    def _has_exit(self) -> bool:
        return self._status is not None or self._signal is not None

    def _await_eof(self, rounds: int) -> None:
        """Wait for the end of the output, which a child may hold open for ever: at most `rounds` grace periods."""
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(EOF_GRACE_SECONDS, self._end_grace, rounds, self._packets)

    def _end_grace(self, rounds: int, packets: int) -> None:
        if self._ended.done():
            return
        if self._paused:
            self._await_eof(rounds)
        elif packets != self._packets and rounds > 1:
            self._await_eof(rounds - 1)
        else:
            exit = Exit(self._status, self._signal, False, held_open=True, still_written=packets != self._packets)
            self._end(exit)
            self.abort()

    def _finish(self, *, lost: bool) -> None:
        self._end(Exit(self._status, self._signal, lost))

    def _end(self, exit: Exit) -> None:
        if self._ended.done():
            return
        if self._grace is not None:
            self._grace.cancel()
        self._ended.set_result(exit)
        if self._on_closed is None:
            return
        try:
            self._on_closed(exit)
        except Exception as error:
            self._failure = self._failure or error
