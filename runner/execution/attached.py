"""Attached mode: the command on one SSH channel. A lost connection ends such a run as LOST."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import replace

from db.values import Mode, Reason, Stream
from runner.execution import target_run
from runner.execution.drive import ABANDONED, Drive
from runner.execution.outcome import Outcome, StopReport, add_leftovers, build_failure, build_loss, decide_by_exit
from runner.execution.stopping import until_ended
from runner.output.buffer import FlowControl
from runner.remote import program, verify
from runner.remote.wire import RunStream
from runner.ssh.protocol import ConnectFailed, Exit, RemoteProcess, RemoteShell, ShellSource

GRACE_SECONDS = 3.0
KILL_SECONDS = 2.0
NOT_BEGUN = "Nothing was started: the target's shell ended before the command could begin. Look at the output."
LEFT = "a process that it left running still holds its output: what that writes after a silence of 5 s is not kept"


async def run_attached(drive: Drive, shells: ShellSource) -> Outcome:
    """Raises ConnectFailed when nothing was started."""
    if drive.is_abandoned:
        return await _end_abandoned(drive, shells)
    stream = RunStream(drive.sink.write, dict.fromkeys(Stream, 0))
    shell = await shells.open_shell(on_output=stream.feed)
    mark = f"{drive.row.id}-{secrets.token_hex(8)}."
    run = target_run.build_target_run(drive, mark)
    process = shell.process
    ending = asyncio.create_task(process.wait(), name=f"exit of execution {drive.row.id}")
    feeding = asyncio.create_task(_feed(process, stream, run.stdin), name=f"input of execution {drive.row.id}")
    try:
        await drive.record_progress({"mode": Mode.ATTACHED, "remote": {"mark": mark}})
        drive.sink.flow = FlowControl(process.pause, process.resume)
        if not _send_program(shell, program.build_attached(run, stream.nonce), more=bool(run.stdin)):
            return build_failure(Reason.START_FAILED, NOT_BEGUN)
        reason = await until_ended(
            ending, cancelled=drive.cancelled, sink=drive.sink, seconds=drive.row.timeout_seconds
        )
        if reason is None:
            return _conclude(drive, ending.result(), stream)
        outcome = await stop(drive, shells, shell, ending, reason, mark=mark)
        stream.flush()
        return outcome
    finally:
        ending.cancel()
        feeding.cancel()
        await asyncio.wait([ending, feeding])
        await process.close()


def _send_program(shell: RemoteShell, text: bytes, *, more: bool) -> bool:
    """Have the shell run a program, after which `more` is to come. False when the shell is gone: nothing was sent."""
    try:
        shell.process.write(text)
    except OSError:
        return False
    if not more:
        with suppress(OSError):  # the program is on its way by now
            shell.process.write_eof()
    return True


async def _feed(process: RemoteProcess, wire: RunStream, stdin: bytes) -> None:
    """What the command is to read, once it has begun: before that, the shell that starts it might take some of it."""
    if not stdin:
        return
    while not wire.has_begun:
        wire.changed.clear()
        await wire.changed.wait()
    with suppress(OSError):  # a command that has ended reads no more
        process.write(stdin)
        process.write_eof()


def _conclude(drive: Drive, exit: Exit, stream: RunStream) -> Outcome:
    stream.flush()
    outcome = _decide_outcome(drive, exit, stream)
    drive.sink.truncated = drive.sink.truncated or exit.still_written
    return replace(outcome, message=LEFT) if exit.held_open and outcome.message is None else outcome


def _decide_outcome(drive: Drive, exit: Exit, stream: RunStream) -> Outcome:
    """How it ended, as the command's own shell told; the channel's exit only where nothing can have replaced it."""
    if stream.record is not None:
        return decide_by_exit(stream.record.status, None)
    if exit.lost:
        return build_loss("the connection was lost during the run")
    if stream.has_begun and stream.is_direct:
        return decide_by_exit(exit.status, exit.signal)
    if stream.has_begun:
        return build_loss(
            "what stands between the server and the command ended, and did not tell how the command ended"
        )
    drive.keep_early_output(stream.early_output)
    return build_failure(Reason.START_FAILED, NOT_BEGUN)


async def _end_abandoned(drive: Drive, shells: ShellSource) -> Outcome:
    """End what a service that stopped left running: nobody holds its time limit any more.

    It is found by its mark alone: its pid may be another's by now.
    """
    mark = (drive.row.remote or {}).get("mark")
    leftovers = await end_marked_processes(shells, mark) if mark is not None else verify.Leftovers(None)
    fate = "what was left of it was ended" if leftovers.verified_gone else "what is left of it could not be found"
    outcome = build_loss(ABANDONED if leftovers.alive else f"{ABANDONED}, and {fate}")
    return add_leftovers(outcome, leftovers.verified_gone, leftovers.alive)


async def stop(
    drive: Drive, shells: ShellSource, shell: RemoteShell, ending: "asyncio.Task[Exit]", reason: Reason, *, mark: str
) -> Outcome:
    """TERM, a grace and KILL, to the channel and to what belongs to the run; and a look at what is left.

    A server need not heed a channel's signals (OpenSSH's does not for root), and what left the session gets none.
    """
    shell.process.resume()
    _signal(shell.process, "TERM")
    leftovers = await end_marked_processes(shells, mark, shell.pid)
    if leftovers.verified_gone is None:
        await asyncio.wait([ending], timeout=GRACE_SECONDS)
    _signal(shell.process, "KILL")
    await asyncio.wait([ending], timeout=KILL_SECONDS)
    return StopReport(reason, leftovers.verified_gone, leftovers.alive).build_outcome(drive.row.timeout_seconds)


def _signal(process: RemoteProcess, name: str) -> None:
    with suppress(OSError):
        process.signal(name)


async def end_marked_processes(shells: ShellSource, mark: str, pid: str = "-") -> verify.Leftovers:
    """What `verify` finds; nothing is known when the server gives no shell for it."""
    try:
        return await verify.end_marked(shells, mark, pid)
    except ConnectFailed:
        return verify.Leftovers(None)
