"""What a process and its descendants have used, read from /proc."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def list_tree(pid: int) -> list[int]:
    """The process and all that descend from it, as they are now."""
    children = defaultdict(list)
    for each, fields in _read_stats():
        children[int(fields[1])].append(each)
    found = [pid]
    for each in found:
        found += children[each]
    return found


def sum_cpu_seconds(pid: int) -> float:
    """User and system time of the whole tree, with that of children that were waited for, in steps of 10 ms."""
    stats = dict(_read_stats())
    used = (sum(map(int, stats[each][11:15])) for each in list_tree(pid) if each in stats)
    return sum(used) / TICKS


def sum_rss_bytes(pid: int) -> int:
    """Resident memory of the whole tree; what processes share is counted for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    stats = dict(_read_stats())
    return sum(int(stats[each][21]) for each in list_tree(pid) if each in stats) * page


def _read_stats() -> Iterator[tuple[int, list[str]]]:
    """The pid of each process, and the fields of its stat that follow its name: state, parent, …"""
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:  # it has ended
                continue
            yield int(folder.name), text.rpartition(") ")[2].split()
