"""How long `sshcast run HOST -- true` takes through a service: `python -m bench.command_line [--times N]`.

Whole processes: `sshcast run true` with a context that is signed in, and `ssh host true` to the same OpenSSH, in turn,
so that both meet the same machine; the service has a connection to the server already, as it usually has. Shown are the
best and the median of `--times`, and whether the best is within twice that of ssh plus 0.3 s.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.report import Report, add_arguments, publish
from bench.start import ADD, CLI, ROOT, build_ssh
from tests.support.commands import Commands
from tests.support.signed_in import sign_in
from tests.support.targets import Target, running_sshd

TIMES = 20
ALLOWED_FACTOR, ALLOWED_SECONDS = 2.0, 0.3


def measure_pairs(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], times: int
) -> dict[str, list[float]]:
    """The seconds of each command, each time in turn; the first time of all is left out."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(times + 1):
        for name, command in commands.items():
            begun = time.perf_counter()
            subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, check=True, stdin=subprocess.DEVNULL
            )
            if turn:
                found[name].append(time.perf_counter() - begun)
    return found


def set_up(service: Commands, target: Target) -> None:
    service.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    where = ["--host", target.host, "--port", str(target.port), "--user", target.username]
    service.output(*ADD[:3], *where, "--key", str(target.folder / "user"), "--host-key", target.host_key)


def measure_all(given: Namespace, folder: Path) -> Report:
    report = Report("The command line through a service", ["what", "best ms", "median ms", "bound ms", "holds"])
    for name in ("sshd", "service", "client"):
        (folder / name).mkdir()
    with running_sshd(folder / "sshd") as target:
        service = Commands(folder / "service" / "data")
        set_up(service, target)
        with service.serving() as url:
            client = sign_in(service, url, folder / "client")
            commands = {"sshcast run true": [*CLI, "run", "-q", "target", "--", "true"]}
            commands["ssh host true"] = build_ssh(target, folder)
            commands["python -c pass"] = [sys.executable, "-c", "pass"]
            found = measure_pairs(commands, client.environment(), given.times)
    bound = ALLOWED_FACTOR * min(found["ssh host true"]) + ALLOWED_SECONDS
    for name, seconds in found.items():
        best = min(seconds)
        report.add(what=name, best_ms=1000 * best, median_ms=1000 * statistics.median(seconds))
    holds = min(found["sshcast run true"]) <= bound
    report.rows[0] |= {"bound ms": 1000 * bound, "holds": "yes" if holds else "no"}
    report.notes.append(f"Load average of the machine at the end: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores.")
    return report


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=TIMES, help="how often each is measured")
    add_arguments(parser)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sshcast-command-line-"))
    try:
        publish(given, measure_all(given, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
