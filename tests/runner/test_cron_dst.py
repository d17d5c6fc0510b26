"""What a clock change does to a schedule, case by case."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from runner.cron.schedule import Dst, Due, Note, parse

BERLIN = "Europe/Berlin"
SPRING = datetime(2026, 3, 28, 23, tzinfo=UTC)  # Sunday 00:00 in Berlin; 02:00 becomes 03:00 at 01:00 UTC
AUTUMN = datetime(2026, 10, 24, 22, tzinfo=UTC)  # Sunday 00:00 in Berlin; 03:00 becomes 02:00 at 01:00 UTC


def slots(expr: str, start: datetime, hours: int, *, zone: str = BERLIN, dst: Dst = Dst.VIXIE) -> list[str]:
    """The slots of `hours` from `start` on as the wall clock shows them, with their notes."""
    schedule, found, moment = parse(expr, timezone=zone, dst=dst), [], start - timedelta(seconds=1)
    while (due := schedule.find_next(moment)) is not None and due.at < start + timedelta(hours=hours):
        found.append(shown(due, zone))
        moment = due.at
    return found


def shown(due: Due, zone: str) -> str:
    return f"{due.at.astimezone(ZoneInfo(zone)):%d %H:%M%z}" + (f" {due.note}" if due.note else "")


@pytest.mark.parametrize(
    ("dst", "expected"),
    [
        (Dst.VIXIE, ["29 03:00+0200 moved-by-dst"]),
        (Dst.TWICE, ["29 03:00+0200 moved-by-dst"]),
        (Dst.SKIP, ["29 03:00+0200 skipped-by-dst"]),
        (Dst.WALL, ["29 03:00+0200 skipped-by-dst"]),
    ],
)
def test_a_fixed_time_in_the_skipped_hour_runs_right_after_the_gap_or_is_noted_as_skipped(
    dst: Dst, expected: list[str]
) -> None:
    assert slots("30 2 * * *", SPRING, 23, dst=dst) == expected


@pytest.mark.parametrize(
    ("dst", "expected"),
    [
        (Dst.VIXIE, ["25 02:30+0200"]),
        (Dst.SKIP, ["25 02:30+0200"]),
        (Dst.TWICE, ["25 02:30+0200", "25 02:30+0100 repeated"]),
        (Dst.WALL, ["25 02:30+0200", "25 02:30+0100 repeated"]),
    ],
)
def test_a_fixed_time_in_the_repeated_hour_runs_once_or_in_both_passes(dst: Dst, expected: list[str]) -> None:
    assert slots("30 2 * * *", AUTUMN, 25, dst=dst) == expected


@pytest.mark.parametrize("dst", list(Dst))
def test_a_wildcard_runs_through_both_changes_whatever_the_choice(dst: Dst) -> None:
    assert slots("30 * * * *", SPRING, 4, dst=dst) == [
        "29 00:30+0100",
        "29 01:30+0100",
        "29 03:30+0200",
        "29 04:30+0200",
    ]
    assert slots("30 * * * *", AUTUMN, 5, dst=dst) == [
        "25 00:30+0200",
        "25 01:30+0200",
        "25 02:30+0200",
        "25 02:30+0100 repeated",
        "25 03:30+0100",
    ]
    assert slots("*/20 2 * * *", SPRING, 23, dst=dst) == []


def test_several_fixed_times_in_one_gap_run_once() -> None:
    assert slots("0,15,30 2 * * *", SPRING, 23) == ["29 03:00+0200 moved-by-dst"]
    assert slots("0-59 2 * * *", SPRING, 23) == ["29 03:00+0200 moved-by-dst"]
    assert slots("* 15 2 * * *", SPRING, 23) == ["29 03:00+0200 moved-by-dst"]


def test_a_moved_time_and_the_time_at_the_end_of_the_gap_are_one_slot() -> None:
    assert slots("0 2,3,4 * * *", SPRING, 23) == ["29 03:00+0200 moved-by-dst", "29 04:00+0200"]


def test_a_skipped_time_does_not_hide_the_time_at_the_end_of_the_gap() -> None:
    assert slots("0 2,3,4 * * *", SPRING, 23, dst=Dst.SKIP) == ["29 03:00+0200", "29 04:00+0200"]


def test_a_slot_says_which_wall_time_did_not_exist() -> None:
    due = parse("30 2 * * *", timezone=BERLIN).find_next(SPRING)
    assert due == Due(datetime(2026, 3, 29, 1, tzinfo=UTC), Note.MOVED, datetime(2026, 3, 29, 2, 30))


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_asking_from_within_the_second_pass_gives_no_slot_of_the_first_again(minute: int) -> None:
    within = datetime(2026, 10, 25, 1, minute, tzinfo=UTC)
    expected = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert parse("30 2 * * *", timezone=BERLIN).find_next(within) == Due(expected)


def test_a_fixed_list_beyond_the_repeated_hour_goes_on_after_it() -> None:
    assert slots("0 1-4 * * *", AUTUMN, 25) == ["25 01:00+0200", "25 02:00+0200", "25 03:00+0100", "25 04:00+0100"]


@pytest.mark.parametrize(
    ("zone", "start", "expr", "expected"),
    [
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 13, tzinfo=UTC), "15 2 * * *", ["04 02:30+1100 moved-by-dst"]),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 13, tzinfo=UTC), "45 1 * * *", ["05 01:45+1100"]),
        ("America/Santiago", datetime(2026, 9, 6, 3, tzinfo=UTC), "0 0 * * *", ["06 01:00-0300 moved-by-dst"]),
        ("America/Havana", datetime(2026, 3, 8, 4, tzinfo=UTC), "30 0 * * *", ["08 01:00-0400 moved-by-dst"]),
        ("America/St_Johns", datetime(2026, 3, 8, 4, tzinfo=UTC), "30 2 * * *", ["08 03:00-0230 moved-by-dst"]),
        ("Europe/Dublin", datetime(2026, 3, 29, 0, tzinfo=UTC), "30 1 * * *", ["29 02:00+0100 moved-by-dst"]),
        ("Antarctica/Troll", datetime(2026, 3, 29, 0, tzinfo=UTC), "30 1,2 * * *", ["29 03:00+0200 moved-by-dst"]),
        ("Africa/Casablanca", datetime(2026, 3, 22, 0, tzinfo=UTC), "30 2 * * *", ["22 03:00+0100 moved-by-dst"]),
        ("Africa/Casablanca", datetime(2026, 2, 14, 23, tzinfo=UTC), "30 2 * * *", ["15 02:30+0100"]),
        ("Asia/Kathmandu", datetime(2026, 3, 28, 18, 15, tzinfo=UTC), "30 2 * * *", ["29 02:30+0545"]),
    ],
)
def test_zones_with_half_hours_midnight_changes_and_negative_summer_time(
    zone: str, start: datetime, expr: str, expected: list[str]
) -> None:
    assert slots(expr, start, 23, zone=zone) == expected


def test_a_day_that_a_zone_skipped_moves_its_fixed_times_to_the_next_midnight() -> None:
    """Samoa had no 30 December 2011."""
    start = datetime(2011, 12, 29, 10, tzinfo=UTC)
    assert slots("0 12 * * *", start, 48, zone="Pacific/Apia") == [
        "29 12:00-1000",
        "31 00:00+1400 moved-by-dst",
        "31 12:00+1400",
    ]
    assert slots("0 */12 * * *", start, 48, zone="Pacific/Apia") == [
        "29 00:00-1000",
        "29 12:00-1000",
        "31 00:00+1400",
        "31 12:00+1400",
    ]


def test_a_rare_wildcard_is_found_in_the_first_pass_of_a_repeated_hour_months_ahead() -> None:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    due = parse("* 2 25 10 *", timezone=BERLIN).find_next(start)
    assert due == Due(datetime(2026, 10, 25, 0, tzinfo=UTC))


ZONES = (
    *("Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"),
    *("Europe/Dublin", "America/Santiago", "Pacific/Chatham", "Antarctica/Troll", "Asia/Kathmandu"),
)


def days_400(expr: str, zone: str, dst: Dst = Dst.VIXIE) -> list[Due]:
    schedule, start = parse(expr, timezone=zone, dst=dst), datetime(2026, 1, 1, tzinfo=UTC)
    found, moment = [], start
    while (due := schedule.find_next(moment)) is not None and due.at < start + timedelta(days=400):
        found.append(due)
        moment = due.at
    return found


@pytest.mark.sampled(every=7)
@pytest.mark.parametrize("expr", ["30 2 * * *", "0 3 * * SUN", "*/30 */7 L * *"])
@pytest.mark.parametrize("dst", list(Dst))
@pytest.mark.parametrize("zone", ZONES)
def test_400_days_of_slots_go_forward_only(zone: str, expr: str, dst: Dst) -> None:
    found = days_400(expr, zone, dst)
    assert all(later.at > sooner.at for sooner, later in pairwise(found))
    repeats = sum(due.note == Note.REPEATED for due in found)
    if expr == "30 2 * * *":
        assert len(found) - repeats == 400


@pytest.mark.parametrize("zone", ZONES)
def test_400_days_of_a_wildcard_are_evenly_spaced(zone: str) -> None:
    found = days_400("*/30 * * * *", zone)
    assert {later.at - sooner.at for sooner, later in pairwise(found)} == {timedelta(minutes=30)}
