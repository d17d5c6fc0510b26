"""Attached mode: the command on one SSH channel. A lost connection ends such a run as LOST."""

import asyncio
import secrets
from contextlib import suppress

from db.values import Reason
from runner import quoting
from runner.execution import Drive
from runner.outcome import Outcome, Stopped, ended, lost
from runner.remote import program, verify
from runner.sink import Valve
from runner.ssh import ConnectFailed, Connection, Exit, Process
from runner.stopping import until_ended

GRACE_SECONDS = 3.0
KILL_SECONDS = 2.0


async def attached(drive: Drive, connection: Connection) -> Outcome:
    row = drive.row
    mark = f"{row.id}-{secrets.token_hex(8)}."
    await drive.note({"remote": {"mark": mark}})
    env, secret = {**row.env, "SSHCAST_SPOOL": mark}, drive.secrets.variables
    line = quoting.command_line(row.command, env=env, working_dir=row.working_dir, fed=bool(secret))
    stdin = program.fed(secret) if secret else b""
    process = await connection.start(line, on_output=drive.sink.write, stdin=stdin)
    drive.sink.valve = Valve(process.pause, process.resume)
    ending = asyncio.create_task(process.wait(), name=f"exit of execution {row.id}")
    try:
        reason = await until_ended(
            ending, cancelled=drive.cancelled, sink=drive.sink, seconds=drive.row.timeout_seconds
        )
        if reason is None:
            return finished(ending.result())
        return await stop(process, connection, ending, reason, mark=mark, seconds=row.timeout_seconds)
    finally:
        ending.cancel()
        await asyncio.wait([ending])
        await process.close()


def finished(exit: Exit) -> Outcome:
    return lost("the connection was lost during the run") if exit.lost else ended(exit.status, exit.signal)


async def stop(
    process: Process, connection: Connection, ending: "asyncio.Task[Exit]", reason: Reason, *, mark: str, seconds: int
) -> Outcome:
    """TERM, a grace and KILL, to the channel and to whatever carries the run's mark; and a look at what is left.

    A server need not heed a channel's signals (OpenSSH's does not for root), and what left the session gets none.
    """
    process.resume()
    signal(process, "TERM")
    look = await looked(connection, mark)
    if look.verified_gone is None:
        await asyncio.wait([ending], timeout=GRACE_SECONDS)
    signal(process, "KILL")
    await asyncio.wait([ending], timeout=KILL_SECONDS)
    return Stopped(reason, look.verified_gone, look.alive).outcome(seconds)


def signal(process: Process, name: str) -> None:
    with suppress(OSError):
        process.signal(name)


async def looked(connection: Connection, mark: str) -> verify.Look:
    """What `verify` finds; nothing is known when the connection is gone by now."""
    try:
        return await verify.end_marked(connection, mark)
    except ConnectFailed:
        return verify.Look(None)
