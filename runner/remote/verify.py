"""Ends the remaining processes of a run on its target, and checks that none is alive.

Every process of a run inherits SSHCAST_SPOOL, so where /proc shows environments it is found even in a session of its
own.
"""

import secrets
from dataclasses import dataclass

from runner.remote import program
from runner.ssh.protocol import ShellSource


@dataclass(frozen=True, slots=True)
class Leftovers:
    """`verified_gone` is None if the target cannot tell; `alive` holds the pids that survived KILL."""

    verified_gone: bool | None
    alive: tuple[int, ...] = ()


def parse_leftovers(line: str) -> Leftovers:
    """Parse `alive`, `alive PIDS` or `unsure`, as a target reports it."""
    word, *rest = line.split()
    alive = tuple(int(pid) for pid in rest if pid.isdecimal())
    return Leftovers(not alive, alive) if word == "alive" else Leftovers(None)


async def end_marked(shells: ShellSource, mark: str, pid: str = "-") -> Leftovers:
    """Send TERM, then KILL, to all processes that carry `mark` or belong to `pid`. Raises ConnectFailed."""
    output = bytearray()

    def keep(stream: str, data: bytes) -> None:
        output.extend(data if stream == "stdout" else b"")

    nonce = secrets.token_hex(12)
    shell = await shells.open_shell(on_output=keep)
    await program.run(shell, program.build_finish(mark, nonce, pid))
    answer = output.partition(f"{nonce} ".encode())[2].partition(b"\n")[0].decode(errors="replace")
    return parse_leftovers(answer) if answer else Leftovers(None)
