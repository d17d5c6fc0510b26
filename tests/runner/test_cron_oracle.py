"""Slots against two oracles, on schedules and clock changes that hypothesis picks.

`cronsim` (Healthchecks' engine) follows Debian's cron. Where we differ from it, and why, so that those cases are left
out here and stand in `test_cron_dst.py`:

1. A schedule with `*` in its minute or hour, in a zone whose clocks change at midnight (Santiago, Havana) or by or at
   part of an hour (Lord Howe by 30 minutes, Chatham at 02:45): cronsim steps from hour to hour and loses its place
   there: it gives times that do not match, leaves out some that do, or never ends. So that kind is held in all zones
   against the second oracle: every minute (or second) around the change whose wall time matches cronsim's own sets.
2. Six fields: cronsim runs fixed times through both changes; we treat them as it treats five.
3. It starts from wall time: from within the second pass of a repeated hour it gives slots that lie before the start.
   Here no start lies there.
4. `4-4/2` is the one value 4 to us (as to croniter), and 4, 6, 8 ... to cronsim, which reads it as `4/2`.
5. What never comes within 8 years is refused, where cronsim looks 50 years ahead.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runner.cron.schedule import Schedule, ScheduleError, parse
from runner.cron.zones import find_change, to_wall_time
from tests.support.sampling import choose_count

pytestmark = pytest.mark.sampled()

ODD_ZONES = ("Australia/Lord_Howe", "Pacific/Chatham", "America/Santiago", "America/Havana", "Asia/Beirut")
PLAIN_ZONES = (
    *("Europe/Berlin", "America/New_York", "America/St_Johns", "Africa/Casablanca", "Europe/Dublin"),
    *("Antarctica/Troll", "Australia/Sydney", "America/Los_Angeles"),
)
LENGTH = timedelta(days=6)


@lru_cache
def changes(zone: str) -> list[datetime]:
    """Every clock change of 2024 to 2027."""
    found, low, high = [], datetime(2024, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    while (change := find_change(ZoneInfo(zone), low, high)) is not None:
        found.append(change)
        low = change
    return found


def item(low: int, high: int) -> st.SearchStrategy[str]:
    pair = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).filter(lambda pair: pair[0] < pair[1])
    step = st.integers(1, high)
    return st.one_of(
        st.integers(low, high).map(str),
        pair.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(pair, step).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
        st.tuples(st.integers(low, high), step).map(lambda both: f"{both[0]}/{both[1]}"),
    )


def fixed(low: int, high: int) -> st.SearchStrategy[str]:
    return st.lists(item(low, high), min_size=1, max_size=3).map(",".join)


def star(high: int) -> st.SearchStrategy[str]:
    return st.one_of(st.just("*"), st.integers(1, high).map(lambda step: f"*/{step}"))


night = st.one_of(fixed(0, 4), fixed(0, 23))
days = st.one_of(
    st.just("* * *"),
    fixed(1, 31).map(lambda day: f"{day} * *"),
    fixed(0, 6).map(lambda day: f"* * {day}"),
    st.tuples(fixed(1, 31), fixed(0, 6)).map(lambda both: f"{both[0]} * {both[1]}"),
    st.tuples(star(31), fixed(0, 6)).map(lambda both: f"{both[0]} * {both[1]}"),
    st.sampled_from(
        ("L * *", "15,L * *", "* * SUN#5", "* * MON#1,SUN#2", "* * 0L", "* 3,10,11 SUN", "L * 5", "1-7 * 0L")
    ),
)
fixed_times = st.tuples(fixed(0, 59), night, days).map(" ".join)
wildcards = st.one_of(
    st.tuples(star(59), st.one_of(night, star(23)), days).map(" ".join),
    st.tuples(fixed(0, 59), star(23), days).map(" ".join),
)


@st.composite
def starts(draw: st.DrawFn, zones: tuple[str, ...]) -> tuple[str, datetime]:
    """A zone, and a whole minute up to four days before one of its clock changes, not in a second pass."""
    zone = draw(st.sampled_from(zones))
    start = draw(st.sampled_from(changes(zone))) - timedelta(minutes=draw(st.integers(1, 4 * 1440)))
    assume(start.astimezone(ZoneInfo(zone)).fold == 0)
    return zone, start


def parsed(expr: str, zone: str) -> Schedule:
    try:
        return parse(expr, timezone=zone)
    except ScheduleError:
        assume(False)
        raise


def ours(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    def each() -> Iterator[datetime]:
        moment = start
        while (due := schedule.find_next(moment)) is not None:
            moment = due.at
            yield moment

    return list(takewhile(lambda at: at < end, each()))


def simulated(expr: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    theirs = (at.astimezone(UTC) for at in CronSim(expr, start.astimezone(ZoneInfo(zone))))
    return list(takewhile(lambda at: at < end, theirs))


def matching(expr: str, zone: str, start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Every moment between, by `step`, whose wall time is in the sets that cronsim reads from the expression."""
    sets, found, moment = CronSim(expr, datetime(2026, 1, 1)), [], start + step
    while moment < end:
        local = to_wall_time(moment, ZoneInfo(zone))
        in_day = local.hour in sets.hours and local.minute in sets.minutes and local.second in sets.seconds
        if in_day and local.month in sets.months and sets.match_day(local.date()):
            found.append(moment)
        moment += step
    return found


@settings(max_examples=choose_count(16, 80), deadline=None)
@given(fixed_times, starts(ODD_ZONES + PLAIN_ZONES))
def test_fixed_times_are_cronsims_in_every_zone(expr: str, at: tuple[str, datetime]) -> None:
    zone, start = at
    schedule = parsed(expr, zone)
    assert ours(schedule, start, start + LENGTH) == simulated(expr, zone, start, start + LENGTH)


@settings(max_examples=choose_count(10, 40), deadline=None)
@given(wildcards, starts(PLAIN_ZONES))
def test_wildcards_are_cronsims_where_clocks_change_by_whole_hours_in_the_day(
    expr: str, at: tuple[str, datetime]
) -> None:
    zone, start = at
    schedule, end = parsed(expr, zone), start + timedelta(days=4)
    assert ours(schedule, start, end) == simulated(expr, zone, start, end)


@settings(max_examples=choose_count(10, 40), deadline=None)
@given(wildcards, starts(ODD_ZONES + PLAIN_ZONES))
def test_wildcards_are_due_at_every_minute_whose_wall_time_matches(expr: str, at: tuple[str, datetime]) -> None:
    zone, start = at
    schedule, end = parsed(expr, zone), start + timedelta(days=4, hours=4)
    assert ours(schedule, start, end) == matching(expr, zone, start, end, timedelta(minutes=1))


@settings(max_examples=choose_count(10, 40), deadline=None)
@given(fixed(0, 59), wildcards, starts(ODD_ZONES + PLAIN_ZONES))
def test_six_field_wildcards_are_due_at_every_second_whose_wall_time_matches(
    seconds: str, rest: str, at: tuple[str, datetime]
) -> None:
    zone, _ = at
    expr, change = f"{seconds} {rest}", next(change for change in changes(zone) if change > at[1])
    schedule, start, end = parsed(expr, zone), change - timedelta(hours=1), change + timedelta(hours=1)
    assert ours(schedule, start, end) == matching(expr, zone, start, end, timedelta(seconds=1))


@settings(max_examples=choose_count(10, 50), deadline=None)
@given(st.one_of(fixed_times, wildcards), starts(ODD_ZONES + PLAIN_ZONES), st.floats(0, 0.999))
def test_the_next_slot_is_the_same_whenever_before_it_one_asks(
    expr: str, at: tuple[str, datetime], share: float
) -> None:
    zone, moment = at
    schedule = parsed(expr, zone)
    for _ in range(20):
        due = schedule.find_next(moment)
        assert due is not None
        assert due.at > moment
        assert schedule.find_next(moment + (due.at - moment) * share) == due
        assert schedule.find_due(due.at) == due
        moment = due.at
