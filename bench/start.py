"""How long starting takes: `python -m bench.start [--rows N] [--clone] [--times N]`.

Commands are whole processes: wall time and CPU time (user and system), each the best of `--times`. `run true` runs a
command on a real sshd, with `ssh host true` on the same one beside it. The service is measured from the start of its
process to the first good answer of /readyz, with an empty database and with `--rows` executions (1,000,000). Everything
is measured with bytecode and without it (a folder in which there is none, and none may be written).

`--clone` adds `run.py --once` in a fresh clone, by the seconds until each line. The package caches of uv and pip are as
they are on this machine, so run it twice for warm ones; the environment and the bytecode are always new.
"""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.report import Report, add_arguments, publish
from bench.seeding import Volume, seed
from bench.service import BenchService, running_service
from db.store import open_store
from tests.support.ports import free_port
from tests.support.targets import Target, running_sshd

ROOT = Path(__file__).parent.parent
CLI = (sys.executable, "-m", "sshcast")
ROWS, TIMES = 1_000_000, 5
CLONE_SECONDS = 600
ADD = ("server", "add", "target", "--as", "admin")


def measure_command(command: Sequence[str], environment: Mapping[str, str], times: int) -> tuple[float, float]:
    """The best wall time and the best CPU time of a command that must succeed, in milliseconds."""
    found = []
    for _ in range(times):
        begun, used = time.perf_counter(), _read_children_cpu()
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        found.append((time.perf_counter() - begun, _read_children_cpu() - used))
    wall, cpu = (1000 * min(values) for values in zip(*found, strict=True))
    return wall, cpu


def _read_children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_commands(report: Report, service: BenchService, target: Target, folder: Path, times: int) -> None:
    options = ["--host", target.host, "--port", str(target.port), "--user", target.username]
    options += ["--key", str(target.folder / "user"), "--host-key", target.host_key]
    subprocess.run([*CLI, *ADD, *options], cwd=ROOT, env=service.environment, check=True, capture_output=True)
    commands: dict[str, Sequence[str]] = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "sshcast --help": (*CLI, "--help"),
        "sshcast --version": (*CLI, "--version"),
        "sshcast token": (*CLI, "token", "operator"),
        "sshcast user list": (*CLI, "user", "list"),
        "sshcast run true, beside a service": (*CLI, "run", "target", "--as", "operator", "-q", "--", "true"),
        "ssh host true": build_ssh(target, folder),
    }
    for bytecode in (True, False):
        environment = choose_bytecode(service.environment, folder, bytecode)
        for name, command in commands.items():
            if bytecode or name.startswith("sshcast"):
                wall, cpu = measure_command(command, environment, times if bytecode else 2)
                report.add(what=name, bytecode=_name(bytecode), ms=wall, cpu_ms=cpu)


def build_ssh(target: Target, folder: Path) -> list[str]:
    known = folder / "known_hosts"
    known.write_text(f"[{target.host}]:{target.port} {target.host_key}\n")
    options = ["BatchMode=yes", f"UserKnownHostsFile={known}", "IdentitiesOnly=yes", "ControlMaster=no"]
    named = [word for option in options for word in ("-o", option)]
    where = ["-p", str(target.port), "-i", str(target.folder / "user"), f"{target.username}@{target.host}"]
    return ["ssh", "-F", "none", *named, *where, "true"]


def choose_bytecode(environment: Mapping[str, str], folder: Path, bytecode: bool) -> dict[str, str]:
    """With it: kept in a folder of its own, so that the first process writes it. Without: neither found nor written."""
    kept = {name: text for name, text in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if bytecode:
        return kept | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "none"), "PYTHONDONTWRITEBYTECODE": "1"}


def measure_service(report: Report, service: BenchService, folder: Path, rows: int, times: int) -> None:
    """From the start of its process to the first answer; the service is left running."""
    given = service.environment
    for bytecode in (True, False):
        service.environment = choose_bytecode(given, folder, bytecode)
        found = []
        for _ in range(times if bytecode else 2):
            service.stop()
            found.append((service.start(), service.cpu_seconds()))
        wall, cpu = (1000 * min(values) for values in zip(*found, strict=True))
        name = f"process start to first answer, {rows:,} executions"
        report.add(what=name, bytecode=_name(bytecode), ms=wall, cpu_ms=cpu)
    service.environment = given


async def _fill(database: Path, rows: int) -> None:
    store = await open_store(f"sqlite:///{database}")
    try:
        await seed(store, Volume(rows, chunks=1))
    finally:
        await store.close()


def measure_clone(report: Report, folder: Path) -> None:
    """`run.py --once` in a clone of the last commit: the seconds until each line that it prints."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = dict(os.environ) | {"SSHCAST_DATA": str(folder / "demo"), "NO_COLOR": "1"}
    command = ["timeout", str(CLONE_SECONDS), "python3", "run.py", "--once", "--port", str(free_port())]
    begun, used = time.perf_counter(), _read_children_cpu()
    process = subprocess.Popen(
        command, cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(("·", "sshcast demo", "$ ", "* step 1", "[SUCCESS]")):
            report.add(what=f"clone: {line.strip()[:60]}", ms=1000 * (time.perf_counter() - begun))
    if process.wait() != 0:
        raise RuntimeError(f"run.py --once ended with {process.returncode}")
    report.add(
        what="clone: in all", ms=1000 * (time.perf_counter() - begun), cpu_ms=1000 * (_read_children_cpu() - used)
    )


def _name(bytecode: bool) -> str:
    return "yes" if bytecode else "no"


def measure_all(given: Namespace, folder: Path) -> Report:
    report = Report("Starting", ["what", "bytecode", "ms", "CPU ms"])
    report.notes.append(f"The best of {given.times} with bytecode, of 2 without; SQLite.")
    for name in ("sshd", "service", "large"):
        (folder / name).mkdir()
    with running_sshd(folder / "sshd") as target, running_service(folder / "service") as service:
        measure_commands(report, service, target, folder, given.times)
        measure_service(report, service, folder, 0, given.times)
    with running_service(folder / "large") as service:
        service.stop()
        asyncio.run(_fill(folder / "large" / "data" / "sshcast.db", given.rows))
        service.start()
        measure_service(report, service, folder, given.rows, given.times)
    if given.clone:
        measure_clone(report, folder)
    return report


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="executions of the large database")
    parser.add_argument("--times", type=int, default=TIMES, help="how often each is measured; the best counts")
    parser.add_argument("--clone", action="store_true", help="measure run.py --once in a fresh clone as well")
    add_arguments(parser)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sshcast-start-"))
    try:
        publish(given, measure_all(given, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
