"""The groups that `clubak -b`, of ClusterShell, makes of outputs."""

import subprocess
import sys
from collections.abc import Iterable

SCRIPT = "from ClusterShell.CLI.Clubak import main; main()"


def run_clubak(outputs: Iterable[tuple[int, bytes]]) -> list[set[int]]:
    """The groups of equal outputs, in its order: each by the numbers of its members. What is empty is in none."""
    lines = []
    for number, output in outputs:
        whole = output if output.endswith(b"\n") or not output else output + b"\n"
        lines += [b"n%d: %s\n" % (number, line) for line in whole.split(b"\n")[:-1]]
    command = [sys.executable, "-c", SCRIPT, "-b", "-S", ": ", "--color=never"]
    done = subprocess.run(command, input=b"".join(lines), capture_output=True, check=True, timeout=60)
    return [_expand(header.decode()) for header in done.stdout.split(b"-" * 15 + b"\n")[1::2]]


def _expand(header: str) -> set[int]:
    """The numbers in a header such as `n[1-3,7] (4)`."""
    inside = header.split(" (")[0].strip().removeprefix("n").strip("[]")
    numbers: set[int] = set()
    for part in inside.split(","):
        low, _, high = part.partition("-")
        numbers.update(range(int(low), int(high or low) + 1))
    return numbers
