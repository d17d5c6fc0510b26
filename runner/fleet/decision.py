"""What a fleet run does next, decided from what the tables say of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.fleet_changes import Tally
from db.fleet_models import FleetRun
from db.values import FleetReason, FleetState, MemberState, State


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due: executions go on, or the next batch starts later."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Start no more, for this reason. What runs goes on."""

    reason: FleetReason


@dataclass(frozen=True, slots=True)
class Delay:
    """The batch has ended; the next one starts at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class StartBatch:
    """Decide on up to `limit` more members."""

    limit: int


@dataclass(frozen=True, slots=True)
class End:
    """The fleet run has ended."""

    state: FleetState


Move = Wait | Stop | Delay | StartBatch | End


def compute_batch(size: Mapping[str, int] | None, members: int) -> int:
    """Return how many members a batch has: all of them without a size. A percentage of all is rounded up."""
    return members if size is None else _compute_number(size, "servers", members)


def _compute_stop(stop_after: Mapping[str, int] | None, members: int) -> int | None:
    """Return at how many failures nothing more is started; None for never. A percentage of all is rounded up."""
    return None if stop_after is None else _compute_number(stop_after, "failures", members)


def decide(run: FleetRun, tally: Tally, now: datetime) -> Move:
    """Return the next move of a fleet run that has not ended."""
    most = _compute_stop(run.stop_after, run.size)
    if run.reason is None and most is not None and tally.failures >= most and _has_more(tally):
        return Stop(FleetReason.STOP_AFTER)
    if tally.open:
        return Wait()
    if run.reason is not None or not tally.waiting:
        return End(_decide_end(run, tally))
    if run.pause_seconds and run.next_start_at is None and tally.last_end is not None:
        return Delay(tally.last_end + timedelta(seconds=run.pause_seconds))
    if run.next_start_at is not None and run.next_start_at > now:
        return Wait()
    return StartBatch(compute_batch(run.batch_size, run.size))


def _has_more(tally: Tally) -> bool:
    """Return whether there is something left to start."""
    return bool(tally.waiting or tally.executions.get(State.PENDING, 0))


def _decide_end(run: FleetRun, tally: Tally) -> FleetState:
    if run.reason == FleetReason.CANCELLED:
        return FleetState.CANCELLED
    if run.reason is not None:
        return FleetState.STOPPED
    is_whole = tally.members.get(MemberState.STARTED, 0) == run.size
    return FleetState.SUCCESS if is_whole and not tally.executions.keys() - {State.SUCCESS} else FleetState.FAILED


def _compute_number(given: Mapping[str, int], name: str, members: int) -> int:
    return given[name] if name in given else max(1, -(-members * given["percent"] // 100))
