"""Ending what is left of a run on its target, and looking whether anything still lives.

Every process of a run inherits SSHCAST_SPOOL, so where /proc shows environments it is found even in a session of its
own.
"""

import re
from dataclasses import dataclass

from runner.connection import Connection

SECONDS_BEFORE_KILL = 2
PIDS = re.compile(rb"^alive(?: \d+)*$", re.MULTILINE)
# What the account may not read is another account's, so not ours; without /proc nothing can be said.
SCRIPT = """
[ -r /proc/self/environ ] || exit 0
look() { grep -laF "SSHCAST_SPOOL=$mark" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\\n' | tr '\\n' ' '; }
for signal in TERM KILL; do
    n=0
    while found=$(look); [ -n "$found" ] && [ $n -lt %d ]; do
        [ $n = 0 ] && kill -$signal $found 2>/dev/null
        n=$((n + 1)); sleep 0.2
    done
    [ -n "$found" ] || break
done
echo alive $found
"""


@dataclass(frozen=True, slots=True)
class Look:
    """`verified_gone` is None where the target cannot tell; `alive` are the pids that even KILL did not end."""

    verified_gone: bool | None
    alive: tuple[int, ...] = ()


async def end_marked(connection: Connection, mark: str) -> Look:
    """TERM, then KILL, whatever carries `mark`, and look. Raises ConnectFailed."""
    output = bytearray()

    def keep(stream: str, data: bytes) -> None:
        output.extend(data if stream == "stdout" else b"")

    script = f"mark={mark}\n{SCRIPT % (SECONDS_BEFORE_KILL * 5)}"
    process = await connection.start("exec /bin/sh", on_output=keep, stdin=script.encode())
    await process.wait()
    found = PIDS.search(bytes(output))
    if found is None:
        return Look(None)
    alive = tuple(int(pid) for pid in found[0].split()[1:])
    return Look(not alive, alive)
