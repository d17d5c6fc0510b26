"""Ending what is left of a run on its target, and looking whether anything still lives.

Every process of a run inherits SSHCAST_SPOOL, so where /proc shows environments it is found even in a session of its
own.
"""

import secrets
from dataclasses import dataclass

from runner.remote import program
from runner.ssh.protocol import ShellSource


@dataclass(frozen=True, slots=True)
class Leftovers:
    """`verified_gone` is None where the target cannot tell; `alive` are the pids that even KILL did not end."""

    verified_gone: bool | None
    alive: tuple[int, ...] = ()


def parse_leftovers(line: str) -> Leftovers:
    """From `alive`, `alive PIDS` or `unsure`, as a target says it."""
    word, *rest = line.split()
    alive = tuple(int(pid) for pid in rest if pid.isdecimal())
    return Leftovers(not alive, alive) if word == "alive" else Leftovers(None)


async def end_marked(shells: ShellSource, mark: str, pid: str = "-") -> Leftovers:
    """TERM, then KILL, whatever carries `mark` or belongs to `pid`, and look. Raises ConnectFailed."""
    output = bytearray()

    def keep(stream: str, data: bytes) -> None:
        output.extend(data if stream == "stdout" else b"")

    nonce = secrets.token_hex(12)
    shell = await shells.open_shell(on_output=keep)
    await program.run(shell, program.build_finish(mark, nonce, pid))
    answer = output.partition(f"{nonce} ".encode())[2].partition(b"\n")[0].decode(errors="replace")
    return parse_leftovers(answer) if answer else Leftovers(None)
