"""Where CPU went: `python -m bench.stacks FILE`, the stacks that `bench.exec --profile FILE` wrote.

Each sample counts once in a table: for the library of its innermost frame, and for our innermost function in it.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.report import Report

OURS = frozenset({"sshcast", "schema", "resolvers", "runner", "db"})
FRAME = re.compile(r"^(?P<function>.*) \((?P<path>[^()]*?)(?::\d+)?\)$")
# Threads that wait in these for work, which py-spy cannot tell from working.
WAITING = frozenset({"SqliteStore._read_all", "take_group", "_worker"})
MOST_FUNCTIONS = 30


def read_stacks(lines: Iterable[str]) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """Each stack of a thread that works: from its outermost frame, as (function, file), and how many samples had it."""
    for line in lines:
        stack, _, count = line.rpartition(" ")
        matches = (FRAME.match(frame) for frame in stack.split(";"))
        frames = [(found["function"], found["path"]) for found in matches if found is not None]
        if frames and frames[-1][0] not in WAITING:
            yield frames, int(count)


def count_by_library(stacks: Iterable[tuple[list[tuple[str, str]], int]]) -> Counter[str]:
    """Samples by the folder of the innermost frame's file; files of the standard library are by themselves."""
    found: Counter[str] = Counter()
    for frames, count in stacks:
        found[frames[-1][1].partition("/")[0]] += count
    return found


def count_by_function(stacks: Iterable[tuple[list[tuple[str, str]], int]]) -> Counter[str]:
    """Samples by our innermost function, with all that it called of others."""
    found: Counter[str] = Counter()
    for frames, count in stacks:
        own = [f"{path}:{name}" for name, path in frames if path.partition("/")[0] in OURS]
        found[own[-1] if own else "none of ours"] += count
    return found


def _build_report(title: str, counted: Counter[str], most: int) -> Report:
    report = Report(title, ["where", "% of samples"])
    for name, count in counted.most_common(most):
        report.add(where=name, of_samples=count / counted.total() * 100)
    return report


def main(path: Path) -> None:
    stacks = list(read_stacks(path.read_text().splitlines()))
    print(_build_report("By the innermost frame's library", count_by_library(stacks), 15).as_markdown())
    print(_build_report("By our innermost function", count_by_function(stacks), MOST_FUNCTIONS).as_markdown())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
