"""The benchmarks: that they can be run at all, and that what they print is what was measured."""

import asyncio
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench import exec, processes, stacks
from bench.load import Load, drive
from bench.report import Report

ROOT = Path(__file__).parent.parent
BURN = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "bench").glob("*.py")))
def test_every_bench_can_be_imported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])  # some read it as they are imported
    assert import_module(f"bench.{name}").__doc__


def test_a_bench_of_runs_tells_what_each_way_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    arguments = ["--runs", "5", "--at-once", "5", "--targets", "1", "--database", "sqlite", "--no-peers"]
    exec.main(exec.parse([*arguments, "--json", str(path)]))
    found = json.loads(path.read_text())
    (report,) = found["reports"]
    assert found["facts"]["Python"]
    assert [row["way"] for row in report["rows"]] == ["sshcast, attached, sqlite", "sshcast, durable, sqlite"]
    printed = capsys.readouterr().out
    for row in report["rows"]:
        assert set(row) == set(exec.COLUMNS) == set(report["columns"])
        assert (row["runs"], row["at once"], row["targets"]) == (5, 5, 1)
        assert min(row["CPU ms a run"], row["runs/s"]) > 0
        assert 0 < row["p50 ms"] <= row["p99 ms"]
        assert f"| {row['way']} | 5 | 1 | 5 |" in printed


def test_the_cpu_of_a_tree_is_that_of_all_its_processes_ended_or_not() -> None:
    script = f"exec 3<&0; sh -c '{BURN}'; echo; sh -c '{BURN}; echo; read line <&3' & wait"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        ended = processes.sum_cpu_seconds(process.pid)
        assert process.stdout.readline() == b"\n"
        both = processes.sum_cpu_seconds(process.pid)
        assert len(processes.list_tree(process.pid)) == 2
    assert ended > 0.05
    assert both - ended > 0.05


@pytest.mark.anyio
async def test_a_load_runs_as_many_as_it_was_told_and_times_each() -> None:
    begun: list[int] = []
    most = running = 0

    async def run(number: int) -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        begun.append(number)
        await asyncio.sleep(0)
        running -= 1

    load = Load(at_once=3, targets=1, runs=10, seconds=60)
    figures = await drive(run, load, lambda: float(len(begun)))
    assert begun == list(range(load.warm_up + 10))
    assert (most, len(figures.latencies), figures.cpu) == (3, 10, 10.0)


def test_a_table_has_its_rows_in_the_columns_order() -> None:
    report = Report("Costs", ["way", "CPU ms a run", "runs/s"])
    report.add(runs_s=1234.5, way="ours", cpu_ms_a_run=2.345)
    assert "| way | CPU ms a run | runs/s |\n| --- | --- | --- |\n| ours | 2.35 | 1,234 |" in report.as_markdown()


def test_a_profile_is_summed_up_by_library_and_by_our_innermost_function() -> None:
    lines = [
        "main (sshcast/cli.py:1);insert (db/rows.py:7);execute (sqlalchemy/engine/base.py:3) 6",
        "main (sshcast/cli.py:1);Watch.<locals>.wait (runner/bus.py:9) 3",
        "run (threading.py:5);SqliteStore._read_all (db/sqlite_store.py:1) 90",
    ]
    found = list(stacks.read_stacks(lines))
    assert stacks.count_by_library(found) == {"sqlalchemy": 6, "runner": 3}
    assert stacks.count_by_function(found) == {"db/rows.py:insert": 6, "runner/bus.py:Watch.<locals>.wait": 3}
