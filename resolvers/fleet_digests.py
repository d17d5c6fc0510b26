"""Digests of the outputs of fleet runs, kept so that an output is read once however often it is compared."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from db import fleet_answers
from db.fleet_answers import Wanted
from db.values import State, Stream
from runner.fleet.groups import Fingerprint, Normalization, Placeholders, build_placeholders

MOST_KEPT = 50_000
# One read has about so many bytes at most, of so many executions.
READ_BYTES = 8 * 1024 * 1024
MOST_EXECUTIONS = 500

TakeChunks = Callable[[Sequence[Any]], None]
LoadChunks = Callable[[Sequence[Wanted], TakeChunks], Awaitable[Sequence[Any]]]
"""Reads chunks as `fleet_answers.list_chunks` does, and hands them on, which takes computing time."""


class DigestKey(NamedTuple):
    """Whose output is compared how. The server's names are part of it where they are replaced."""

    execution_id: int
    stream: Stream | None
    names: tuple[str, str] | None


@dataclass(slots=True)
class KeptDigest:
    """The digest of the first `stored` bytes of an output. While it grows, `growing` goes on from there."""

    stored: int
    value: bytes
    growing: Fingerprint | None


@dataclass(slots=True)
class Reading:
    """An output that is being read up to the byte `stored`."""

    key: DigestKey
    stored: int
    is_final: bool
    fingerprint: Fingerprint

    @property
    def left(self) -> int:
        return self.stored - self.fingerprint.position

    def take(self, row: Any) -> None:
        """Add a chunk. What the other stream has, and what was left out at the output limit, is passed over."""
        skipped = row.position - self.fingerprint.position
        if skipped > 0:
            self.fingerprint.skip(skipped)
        if self.key.stream in (None, row.stream):
            self.fingerprint.feed(row.position, bytes(row.data))
        else:
            self.fingerprint.position = row.position + row.size


@dataclass(slots=True)
class OutputDigests:
    """The digests that were computed lately, the last MOST_KEPT. One fleet run is read by one caller at a time."""

    _kept: OrderedDict[DigestKey, KeptDigest] = field(default_factory=OrderedDict)
    _locks: WeakValueDictionary[int, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def compute(
        self, load: LoadChunks, fleet_run_id: int, ends: Sequence[Any], how: Normalization, stream: Stream | None
    ) -> list[bytes]:
        """Return the digest of the output of each of `ends`, which are rows of `fleet_answers.list_ends`."""
        lock = self._locks.setdefault(fleet_run_id, asyncio.Lock())
        async with lock:
            readings = [self._begin(end, how, stream) for end in ends]
            await _read_all(load, [each for each in readings if isinstance(each, Reading) and each.left > 0])
            return [self._keep(each) if isinstance(each, Reading) else each for each in readings]

    def _begin(self, end: Any, how: Normalization, stream: Stream | None) -> Reading | bytes:
        replaces = how is Normalization.HOSTS_TIMES_NUMBERS
        key = DigestKey(end.id, stream, (end.name, end.host) if replaces else None)
        kept = self._kept.get(key)
        if kept is not None and kept.stored >= end.stored:
            self._kept.move_to_end(key)
            return kept.value
        placeholders: Placeholders | None = build_placeholders(key.names) if key.names else None
        begun = Fingerprint(placeholders) if kept is None or kept.growing is None else kept.growing.copy()
        return Reading(key, end.stored, State(end.state).is_final, begun)

    def _keep(self, done: Reading) -> bytes:
        value = done.fingerprint.compute()
        self._kept[done.key] = KeptDigest(done.stored, value, None if done.is_final else done.fingerprint)
        self._kept.move_to_end(done.key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return value


async def _read_all(load: LoadChunks, readings: Sequence[Reading]) -> None:
    """Read the rest of these outputs, some at a time, in order of the executions' ids."""
    at = 0
    while at < len(readings):
        part = _choose(readings, at)
        wanted = [Wanted(each.key.execution_id, each.fingerprint.position) for each in part]
        rows = await load(wanted, partial(_take_all, {each.key.execution_id: each for each in part}))
        last_id = rows[-1].execution_id if len(rows) == fleet_answers.MOST_CHUNKS else None
        at += sum(last_id is None or each.key.execution_id < last_id for each in part)
        if last_id is not None and readings[at].left <= 0:
            at += 1


def _choose(readings: Sequence[Reading], at: int) -> Sequence[Reading]:
    room, end = READ_BYTES, at
    while end < len(readings) and end < at + MOST_EXECUTIONS and (room > 0 or end == at):
        room -= readings[end].left
        end += 1
    return readings[at:end]


def _take_all(readings: dict[int, Reading], rows: Sequence[Any]) -> None:
    for row in rows:
        readings[row.execution_id].take(row)
