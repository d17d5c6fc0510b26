"""Attached mode: the command on one SSH channel. A lost connection ends such a run as LOST."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import replace

from db.values import Mode, Reason, Stream
from runner import target_run
from runner.connection import ConnectFailed, Exit, Process, Shell, Shells
from runner.execution import ABANDONED, Drive
from runner.outcome import Outcome, Stopped, after_look, ended, failed, lost
from runner.remote import program, verify
from runner.remote.wire import Wire
from runner.sink import Valve
from runner.stopping import until_ended

GRACE_SECONDS = 3.0
KILL_SECONDS = 2.0
NOT_BEGUN = "Nothing was started: the target's shell ended before the command could begin. Look at the output."
LEFT = "a process that it left running still holds its output: what that writes after a silence of 5 s is not kept"


async def attached(drive: Drive, shells: Shells) -> Outcome:
    """Raises ConnectFailed when nothing was started."""
    if drive.is_abandoned:
        return await end_abandoned(drive, shells)
    wire = Wire(drive.sink.write, dict.fromkeys(Stream, 0))
    shell = await shells.open_shell(on_output=wire.feed)
    mark = f"{drive.row.id}-{secrets.token_hex(8)}."
    run = target_run.describe(drive, mark)
    process = shell.process
    ending = asyncio.create_task(process.wait(), name=f"exit of execution {drive.row.id}")
    feeding = asyncio.create_task(feed(process, wire, run.stdin), name=f"input of execution {drive.row.id}")
    try:
        await drive.note({"mode": Mode.ATTACHED, "remote": {"mark": mark}})
        drive.sink.valve = Valve(process.pause, process.resume)
        if not send(shell, program.attached(run, wire.nonce), more=bool(run.stdin)):
            return failed(Reason.START_FAILED, NOT_BEGUN)
        reason = await until_ended(
            ending, cancelled=drive.cancelled, sink=drive.sink, seconds=drive.row.timeout_seconds
        )
        if reason is None:
            return finish(drive, ending.result(), wire)
        outcome = await stop(drive, shells, shell, ending, reason, mark=mark)
        wire.flush()
        return outcome
    finally:
        ending.cancel()
        feeding.cancel()
        await asyncio.wait([ending, feeding])
        await process.close()


def send(shell: Shell, text: bytes, *, more: bool) -> bool:
    """Have the shell run a program, after which `more` is to come. False when the shell is gone: nothing was sent."""
    try:
        shell.process.write(text)
    except OSError:
        return False
    if not more:
        with suppress(OSError):  # the program is on its way by now
            shell.process.write_eof()
    return True


async def feed(process: Process, wire: Wire, stdin: bytes) -> None:
    """What the command is to read, once it has begun: before that, the shell that starts it might take some of it."""
    if not stdin:
        return
    while not wire.has_begun:
        wire.changed.clear()
        await wire.changed.wait()
    with suppress(OSError):  # a command that has ended reads no more
        process.write(stdin)
        process.write_eof()


def finish(drive: Drive, exit: Exit, wire: Wire) -> Outcome:
    wire.flush()
    outcome = outcome_of(drive, exit, wire)
    drive.sink.truncated = drive.sink.truncated or exit.still_written
    return replace(outcome, message=LEFT) if exit.held_open and outcome.message is None else outcome


def outcome_of(drive: Drive, exit: Exit, wire: Wire) -> Outcome:
    """How it ended, as the command's own shell told; the channel's exit only where nothing can have replaced it."""
    if wire.record is not None:
        return ended(wire.record.status, None)
    if exit.lost:
        return lost("the connection was lost during the run")
    if wire.has_begun and wire.is_direct:
        return ended(exit.status, exit.signal)
    if wire.has_begun:
        return lost("what stands between the server and the command ended, and did not tell how the command ended")
    drive.keep_printed(wire.printed)
    return failed(Reason.START_FAILED, NOT_BEGUN)


async def end_abandoned(drive: Drive, shells: Shells) -> Outcome:
    """End what a service that stopped left running: nobody holds its time limit any more.

    It is found by its mark alone: its pid may be another's by now.
    """
    mark = (drive.row.remote or {}).get("mark")
    look = await looked(shells, mark) if mark is not None else verify.Look(None)
    fate = "what was left of it was ended" if look.verified_gone else "what is left of it could not be found"
    outcome = lost(ABANDONED if look.alive else f"{ABANDONED}, and {fate}")
    return after_look(outcome, look.verified_gone, look.alive)


async def stop(
    drive: Drive, shells: Shells, shell: Shell, ending: "asyncio.Task[Exit]", reason: Reason, *, mark: str
) -> Outcome:
    """TERM, a grace and KILL, to the channel and to what belongs to the run; and a look at what is left.

    A server need not heed a channel's signals (OpenSSH's does not for root), and what left the session gets none.
    """
    shell.process.resume()
    signal(shell.process, "TERM")
    look = await looked(shells, mark, shell.pid)
    if look.verified_gone is None:
        await asyncio.wait([ending], timeout=GRACE_SECONDS)
    signal(shell.process, "KILL")
    await asyncio.wait([ending], timeout=KILL_SECONDS)
    return Stopped(reason, look.verified_gone, look.alive).outcome(drive.row.timeout_seconds)


def signal(process: Process, name: str) -> None:
    with suppress(OSError):
        process.signal(name)


async def looked(shells: Shells, mark: str, pid: str = "-") -> verify.Look:
    """What `verify` finds; nothing is known when the server gives no shell for it."""
    try:
        return await verify.end_marked(shells, mark, pid)
    except ConnectFailed:
        return verify.Look(None)
