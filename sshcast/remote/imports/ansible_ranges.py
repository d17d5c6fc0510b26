"""Expands the host patterns of inventories: `web[01:20]`, `db-[a:f].example.com`, `host:2222`."""

import itertools
import re
from collections.abc import Iterator

from sshcast.words import choose

RANGE = re.compile(r"\[([0-9]+|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?\]")
WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])+):([0-9]{1,5})")
ADDRESS = re.compile(r"\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]")
MOST = 10_000


def expand_hosts(pattern: str) -> list[str]:
    """Return the names that a pattern stands for. Raises ValueError for one that stands for none or for too many."""
    pieces = RANGE.split(pattern)
    fixed, bounds = pieces[::4], list(zip(pieces[1::4], pieces[2::4], pieces[3::4], strict=True))
    choices = [_expand_range(*each) for each in bounds]
    names = list(itertools.islice(_join(fixed, choices), MOST + 1))
    if len(names) > MOST:
        raise ValueError(choose(f"{pattern} stands for more than {MOST} hosts", f"{pattern} 代表的主机超过 {MOST} 台"))
    return names


def split_port(name: str) -> tuple[str, int | None]:
    """Return a host and the port that is written after it."""
    found = WITH_PORT.fullmatch(name)
    if found is None:
        return name, None
    address = ADDRESS.fullmatch(found[1])
    is_range = RANGE.fullmatch(found[1]) is not None
    return (found[1] if address is None or is_range else address[1]), int(found[2])


def _join(fixed: list[str], choices: list[list[str]]) -> Iterator[str]:
    for chosen in itertools.product(*choices):
        yield "".join(itertools.chain.from_iterable(itertools.zip_longest(fixed, chosen, fillvalue="")))


def _expand_range(first: str, last: str, step: str | None) -> list[str]:
    by = int(step or 1)
    if by < 1 or first.isdecimal() != last.isdecimal():
        raise ValueError(choose(f"[{first}:{last}] is no range", f"[{first}:{last}] 不是范围"))
    if first.isdecimal():
        numbers = range(int(first), int(last) + 1, by)
        if len(numbers) > MOST:
            what = f"[{first}:{last}]"
            raise ValueError(choose(f"{what} stands for more than {MOST} hosts", f"{what} 代表的主机超过 {MOST} 台"))
        found = [str(number).zfill(len(first)) if first.startswith("0") else str(number) for number in numbers]
    else:
        found = [chr(code) for code in range(ord(first), ord(last) + 1, by)]
    if not found:
        what = f"[{first}:{last}]"
        raise ValueError(choose(f"{what} is no range: it ends before it begins", f"{what} 不是范围：终点在起点之前"))
    return found
