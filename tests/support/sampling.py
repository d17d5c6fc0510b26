"""Which cases of a large matrix the default run takes, and how many tries of a random test.

A test marked `sampled` is tried in the default run by a sample, and by all of its cases, with the full counts, where
SSHCAST_SUITE=full and `-m thorough` are given (`python3 run.py thorough`). The mark says which cases are the sample:

- `sampled(each="database kind")`: the first case of each value of these parameters
- `sampled(every=7)`: every seventh case, from the first on
- `sampled`: every case; what differs is how much each tries, by `choose_count` or `sample`

Without a mark: of the tests of a file that are tried in several surroundings, every fourth is tried in all of them,
from the first on, and the others in the first one (SQLite, OpenSSH, dash).
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

FULL = os.environ.get("SSHCAST_SUITE") == "full"
SLOW = ("faults", "soak", "browser", "clients", "thorough")
FURTHER = {"database": ("postgresql",), "target": ("demo",), "bin": ("bash", "busybox")}
"""Surroundings besides the first, by the parameter that they are a value of."""
IN_ALL = 4
"""Of so many tests one is tried in all of its surroundings."""


@dataclass(slots=True)
class Sample:
    """What was seen so far of the cases of one test."""

    count: int = 0
    values: set[tuple[str, str]] = field(default_factory=set)

    def takes(self, item: pytest.Function, mark: pytest.Mark) -> bool:
        """Whether the sample has this case, which is the next one."""
        each, every = mark.kwargs.get("each", ""), mark.kwargs.get("every", 1)
        number, self.count = self.count, self.count + 1
        params = item.callspec.params if hasattr(item, "callspec") else {}
        new = {(name, repr(params[name])) for name in each.split() if name in params} - self.values
        self.values |= new
        return number == 0 or bool(new) if each else number % every == 0


def mark_thorough(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Mark what the default run leaves out: it comes in the order of collection, before anything is deselected.

    A sample is one of the whole list. With `--last-failed` the list is of what failed, which is run whatever it is.
    """
    if config.getoption("lf"):
        for item in items if config.option.markexpr == "thorough" else ():
            item.add_marker(pytest.mark.thorough)
        return
    samples: defaultdict[str, Sample] = defaultdict(Sample)
    orders: defaultdict[tuple[Path, str], dict[str, int]] = defaultdict(dict)
    for item in items:
        if not isinstance(item, pytest.Function) or any(map(item.get_closest_marker, SLOW)):
            continue
        mark = item.get_closest_marker("sampled")
        left_out = mark is not None and (FULL or not samples[name_test(item)].takes(item, mark))
        if left_out or is_elsewhere(item, orders):
            item.add_marker(pytest.mark.thorough)


def name_test(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def is_elsewhere(item: pytest.Function, orders: defaultdict[tuple[Path, str], dict[str, int]]) -> bool:
    """Whether this is a case in further surroundings, of a test that the default run tries in the first ones alone.

    `orders` holds the tests of each file, and where each stands among those that have such cases.
    """
    params = item.callspec.params if hasattr(item, "callspec") else {}
    tests = [orders[item.path, name] for name, values in FURTHER.items() if params.get(name) in values]
    return any(order.setdefault(name_test(item), len(order)) % IN_ALL for order in tests)


def choose_count(usual: int, full: int) -> int:
    """How many tries a random test makes: `usual` in the default run."""
    return full if FULL else usual


def sample(cases: Sequence[T], every: int) -> Sequence[T]:
    """All of the cases that one test tries; in the default run every so many of them, from the first on."""
    return cases if FULL else cases[::every]
