"""Attached mode: the command runs on one SSH channel. If the connection is lost, the run ends as LOST."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import replace

from db.values import Mode, Reason, Stream
from runner.execution.drive import ABANDONED, Drive, Run
from runner.execution.outcome import Outcome, StopReport, add_leftovers, build_failure, build_loss, decide_by_exit
from runner.execution.stopping import end_marked_processes, until_ended
from runner.execution.target_run import build_target_run
from runner.output.buffer import FlowControl
from runner.remote import program, verify
from runner.remote.wire import RunStream
from runner.ssh.protocol import Exit, RemoteProcess, RemoteShell, ShellSource

GRACE_SECONDS = 3.0
KILL_SECONDS = 2.0
NOT_BEGUN = "Nothing was started: the target's shell ended before the command could begin. Look at the output."
LEFT = "a process that it left running still holds its output: what that writes after a silence of 5 s is not kept"


class AttachedRun(Run):
    """An attached run: start, read to the end or stop, conclude. It leaves nothing behind, its channel included."""

    def __init__(self, drive: Drive, shells: ShellSource) -> None:
        self._drive = drive
        self._shells = shells
        self._stream = RunStream(drive.output.write, dict.fromkeys(Stream, 0))
        self._target_run = build_target_run(drive, f"{drive.row.id}-{secrets.token_hex(8)}.")

    async def execute(self) -> Outcome:
        if self._drive.is_abandoned:
            return await self._end_abandoned()
        shell = await self._shells.open_shell(on_output=self._stream.feed)
        ending = asyncio.create_task(shell.process.wait(), name=f"exit of execution {self._drive.row.id}")
        feeding = asyncio.create_task(self._feed(shell.process), name=f"input of execution {self._drive.row.id}")
        try:
            return await self._start_and_wait(shell, ending)
        finally:
            self._drive.output.set_flow(None)
            ending.cancel()
            feeding.cancel()
            await asyncio.wait([ending, feeding])
            await shell.process.close()

    async def _start_and_wait(self, shell: RemoteShell, ending: "asyncio.Task[Exit]") -> Outcome:
        drive, run = self._drive, self._target_run
        await drive.record_progress({"mode": Mode.ATTACHED, "remote": {"mark": run.spool}})
        drive.output.set_flow(FlowControl(shell.process.pause, shell.process.resume))
        text = program.build_attached(run, self._stream.nonce)
        if not _send_program(shell, text, more=bool(run.stdin)):
            return build_failure(Reason.START_FAILED, NOT_BEGUN)
        seconds = drive.row.timeout_seconds
        reason = await until_ended(ending, cancelled=drive.cancelled, output=drive.output, seconds=seconds)
        if reason is None:
            return self._conclude(ending.result())
        outcome = await self._stop(shell, ending, reason)
        self._stream.flush()
        return outcome

    async def _feed(self, process: RemoteProcess) -> None:
        """Send standard input once the command has begun: sent earlier, the shell that starts it might read it."""
        stream, stdin = self._stream, self._target_run.stdin
        if not stdin:
            return
        while not stream.has_begun:
            stream.changed.clear()
            await stream.changed.wait()
        with suppress(OSError):  # a command that has ended reads no more
            process.write(stdin)
            process.write_eof()

    def _conclude(self, exit: Exit) -> Outcome:
        self._stream.flush()
        outcome = self._decide_outcome(exit)
        if exit.still_written:
            self._drive.output.mark_truncated()
        return replace(outcome, message=LEFT) if exit.held_open and outcome.message is None else outcome

    def _decide_outcome(self, exit: Exit) -> Outcome:
        """Decide by the exit that the command's own shell reported; else by the channel's, if it is the command's."""
        stream = self._stream
        if stream.record is not None:
            return decide_by_exit(stream.record.status, None)
        if exit.lost:
            return build_loss("the connection was lost during the run")
        if stream.has_begun and stream.is_direct:
            return decide_by_exit(exit.status, exit.signal)
        if stream.has_begun:
            return build_loss(
                "a program between the server and the command ended without reporting how the command ended"
            )
        self._drive.keep_early_output(stream.early_output)
        return build_failure(Reason.START_FAILED, NOT_BEGUN)

    async def _stop(self, shell: RemoteShell, ending: "asyncio.Task[Exit]", reason: Reason) -> Outcome:
        """Send TERM, then after a grace KILL, to the channel and to the run's processes, and check what is left.

        A server may ignore a channel's signals (OpenSSH does for root), and processes outside the session get none.
        """
        shell.process.resume()
        _signal(shell.process, "TERM")
        leftovers = await end_marked_processes(self._shells, self._target_run.spool, shell.pid)
        if leftovers.verified_gone is None:
            await asyncio.wait([ending], timeout=GRACE_SECONDS)
        _signal(shell.process, "KILL")
        await asyncio.wait([ending], timeout=KILL_SECONDS)
        report = StopReport(reason, leftovers.verified_gone, leftovers.alive)
        return report.build_outcome(self._drive.row.timeout_seconds)

    async def _end_abandoned(self) -> Outcome:
        """End what an earlier process of sshcast left running attached: nothing enforces its time limit any more.

        The run is found by its mark alone: its pid may belong to another process by now.
        """
        mark = (self._drive.row.remote or {}).get("mark")
        leftovers = await end_marked_processes(self._shells, mark) if mark is not None else verify.Leftovers(None)
        fate = "what was left of it was ended" if leftovers.verified_gone else "what is left of it could not be found"
        outcome = build_loss(ABANDONED if leftovers.alive else f"{ABANDONED}, and {fate}")
        return add_leftovers(outcome, leftovers.verified_gone, leftovers.alive)


def _send_program(shell: RemoteShell, text: bytes, *, more: bool) -> bool:
    """Send a program to the shell; `more` input follows it. Return False if the shell is gone and nothing was sent."""
    try:
        shell.process.write(text)
    except OSError:
        return False
    if not more:
        with suppress(OSError):  # the program has been sent by now
            shell.process.write_eof()
    return True


def _signal(process: RemoteProcess, name: str) -> None:
    with suppress(OSError):
        process.signal(name)
