"""The grammar of schedules: what is understood, and what is refused by name."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cron import schedule as cron_schedule
from runner.cron.schedule import ScheduleError, parse
from tests.support.sampling import choose_count

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def times(expr: str, count: int = 3, start: datetime = START, timezone: str = "UTC") -> list[str]:
    return [f"{due.at:%m-%d %H:%M:%S}" for due in parse(expr, timezone=timezone).list_upcoming(start, count)]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("*/5 * * * *", ["01-01 00:05:00", "01-01 00:10:00", "01-01 00:15:00"]),
        ("*/20 * * * * *", ["01-01 00:00:20", "01-01 00:00:40", "01-01 00:01:00"]),
        ("30 15 2 * * *", ["01-01 02:15:30", "01-02 02:15:30", "01-03 02:15:30"]),
        ("0 2 * * mon", ["01-05 02:00:00", "01-12 02:00:00", "01-19 02:00:00"]),
        ("0 2 * * MON-FRI", ["01-01 02:00:00", "01-02 02:00:00", "01-05 02:00:00"]),
        ("0 2 * * FRI-SUN", ["01-02 02:00:00", "01-03 02:00:00", "01-04 02:00:00"]),
        ("0 2 * * 7", ["01-04 02:00:00", "01-11 02:00:00", "01-18 02:00:00"]),
        ("0 2 * * 1/2", ["01-02 02:00:00", "01-04 02:00:00", "01-05 02:00:00"]),
        ("0 0 1 JAN,MAR *", ["03-01 00:00:00", "01-01 00:00:00", "03-01 00:00:00"]),
        ("0 0 L * *", ["01-31 00:00:00", "02-28 00:00:00", "03-31 00:00:00"]),
        ("0 0 15,L * *", ["01-15 00:00:00", "01-31 00:00:00", "02-15 00:00:00"]),
        ("0 0 * * MON#2", ["01-12 00:00:00", "02-09 00:00:00", "03-09 00:00:00"]),
        ("0 0 * * MON#1,FRI", ["01-02 00:00:00", "01-05 00:00:00", "01-09 00:00:00"]),
        ("0 0 * * L5", ["01-30 00:00:00", "02-27 00:00:00", "03-27 00:00:00"]),
        ("0 0 * * FRIL", ["01-30 00:00:00", "02-27 00:00:00", "03-27 00:00:00"]),
        ("0 0 * * 5L", ["01-30 00:00:00", "02-27 00:00:00", "03-27 00:00:00"]),
        ("10-20/5 3 * * *", ["01-01 03:10:00", "01-01 03:15:00", "01-01 03:20:00"]),
        ("0 0 29 2 *", ["02-29 00:00:00", "02-29 00:00:00", "02-29 00:00:00"]),
    ],
)
def test_cron_fields_mean_what_cron_says(expr: str, expected: list[str]) -> None:
    assert times(expr) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("0 0 13 * FRI", ["01-02 00:00:00", "01-09 00:00:00", "01-13 00:00:00"]),
        ("0 0 */2 * MON", ["01-05 00:00:00", "01-19 00:00:00", "02-09 00:00:00"]),
        ("0 0 1-7 * */7", ["01-04 00:00:00", "02-01 00:00:00", "03-01 00:00:00"]),
        ("0 0 2 1 MON#1", ["01-02 00:00:00", "01-05 00:00:00", "01-02 00:00:00"]),
    ],
)
def test_day_of_month_and_weekday_must_both_match_only_if_one_starts_with_a_star(
    expr: str, expected: list[str]
) -> None:
    assert times(expr) == expected


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@Annually", "0 0 1 1 *"),
    ],
)
def test_a_nickname_stands_for_its_fields(name: str, fields: str) -> None:
    assert times(name) == times(fields)


def test_every_counts_from_the_slot_before() -> None:
    assert times("@every 90s") == ["01-01 00:01:30", "01-01 00:03:00", "01-01 00:04:30"]
    assert times("@every 2h", timezone="Europe/Berlin") == ["01-01 02:00:00", "01-01 04:00:00", "01-01 06:00:00"]


def test_at_is_one_moment_and_then_none() -> None:
    schedule = parse("@at 2026-12-01T10:00:00+08:00")
    assert schedule.list_upcoming(START, 5) == [cron_schedule.Due(datetime(2026, 12, 1, 2, tzinfo=UTC))]
    assert schedule.find_next(datetime(2026, 12, 1, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize("expr", ["@once", "@manual", " @ONCE "])
def test_once_and_manual_are_never_due_by_themselves(expr: str) -> None:
    assert parse(expr).find_next(START) is None


@pytest.mark.parametrize(
    ("expr", "field", "position"),
    [
        ("60 * * * *", "minute", 0),
        ("60 * * * * *", "second", 0),
        ("* 24 * * *", "hour", 2),
        ("* * 0 * *", "day of month", 4),
        ("* * 32 * *", "day of month", 4),
        ("* * * 13 *", "month", 6),
        ("* * * FOO *", "month", 6),
        ("* * * * 8", "day of week", 8),
        ("* * * * MON#6", "day of week", 8),
        ("* * * * FOO#1", "day of week", 8),
        ("  5-60 * * * *", "minute", 2),
        ("*/0 * * * *", "minute", 0),
        ("*/60 * * * *", "minute", 0),
        ("*-5 * * * *", "minute", 0),
        (", * * * *", "minute", 0),
        ("1,,2 * * * *", "minute", 0),
        ("* * L, * *", "day of month", 4),
        ("-1 * * * *", "minute", 0),
        ("1.5 * * * *", "minute", 0),
        ("0 0 31 2 *", "day of month", 4),
        ("0 0 30-31 2 *", "day of month", 4),
        ("0 0 31 4,6,9,11 *", "day of month", 4),
        ("0 0 30 2 */2", "day of month", 4),
    ],
)
def test_a_wrong_field_is_named_with_its_place_and_an_example(expr: str, field: str, position: int) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(expr)
    assert (refused.value.field, refused.value.position) == (field, position)
    assert refused.value.example in refused.value.message_en
    assert refused.value.example in refused.value.message_zh


@pytest.mark.parametrize(
    "expr",
    [
        "R * * * *",
        "H * * * *",
        "R(0-10) * * * *",
        "H/5 * * * *",
        "* * 15W * *",
        "* * LW * *",
        "* * L-3 * *",
        "? * * * *",
        "0 0 0 1 1 * 2030",
        "* * * *",
        "",
        " ",
        "@reboot",
        "@hourly 5",
        "@every",
        "@every 5",
        "@every 0s",
        "@every 5y",
        "@every 400d",
        "@every 99999999999s",
        "@every5s",
        "@at",
        "@at tomorrow",
        "@at 2026-12-01",
        "@at 2026-12-01T10:00:00",
        "@at 0001-01-01T00:00:00+14:00",
        "@at 9999-12-31T23:59:59-14:00",
        "@",
        "٥ * * * *",
        "５ * * * *",
        "*\u00a0* * * *",
        "* * * * *\0",
    ],
)
def test_what_is_no_schedule_is_refused(expr: str) -> None:
    with pytest.raises(ScheduleError):
        parse(expr)


@pytest.mark.parametrize("expr", ["0 0 * 2 MON#5", "0 0 30 2 MON#5", "0 0 */31 2 MON#2", "0 0 29 2 */6"])
def test_what_would_never_fire_or_not_for_many_years_is_refused(expr: str) -> None:
    with pytest.raises(ScheduleError, match="never fires"):
        parse(expr)


@pytest.mark.parametrize("expr", [",".join(["1"] * 30_000) + " * * * *", "9" * 4000 + " * * * *", "* " * 60 + "*"])
def test_a_giant_expression_is_refused_by_its_length_before_it_costs_anything(expr: str) -> None:
    with pytest.raises(ScheduleError, match=r"120 printable|needs 5 fields"):
        parse(expr)


def test_an_unknown_zone_is_refused() -> None:
    for zone in ("Mars/Olympus", "../etc/passwd", "europe/berlin", ""):
        with pytest.raises(ScheduleError, match="IANA"):
            parse("* * * * *", timezone=zone)


@pytest.mark.parametrize(
    ("expr", "closest"),
    [
        ("* * * * * *", 1),
        ("*/59 * * * * *", 1),
        ("0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42,44,46,48,50,52,54,56,59 * * * * *", 1),
        ("0,10,50 * * * * *", 10),
        ("* * * * *", 60),
        ("0,1 0 * * *", 60),
        ("0,59 * * * *", 60),
        ("59 0,23 * * *", 3600),
        ("0 0 31,1 1,2 *", 86_400),
        ("0 0 28,1 2,3 *", 86_400),
        ("0,59 0,23 5 * *", 59 * 60),
        ("0 0,23 5 * *", 23 * 3600),
        ("0 0 1 * *", 28 * 86_400),
    ],
)
def test_the_floor_is_the_closest_two_slots_ever_come(expr: str, closest: int) -> None:
    parse(expr, floor_seconds=closest)
    with pytest.raises(ScheduleError, match=f"fires every {closest} s"):
        parse(expr, floor_seconds=closest + 1)


def test_the_floor_holds_for_every_too() -> None:
    parse("@every 60s", floor_seconds=60)
    with pytest.raises(ScheduleError, match="from 60 s"):
        parse("@every 59s", floor_seconds=60)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


@pytest.mark.sampled
@settings(max_examples=choose_count(12, 60), deadline=None)
@given(st.tuples(field(0, 59), field(0, 59), field(0, 23)))
def test_no_two_of_the_next_slots_are_closer_than_the_floor_says(parts: tuple[str, str, str]) -> None:
    expr = " ".join([*parts, "* * *"])
    closest = parse(expr).times.find_gap_below(86_401) or 86_400  # type: ignore[union-attr]
    slots = [due.at for due in parse(expr).list_upcoming(START - timedelta(minutes=1), 500)]
    assert min(later - sooner for sooner, later in pairwise(slots)).total_seconds() >= closest
    with pytest.raises(ScheduleError):
        parse(expr, floor_seconds=int(closest) + 1)


@pytest.mark.sampled
@settings(max_examples=choose_count(40, 200), deadline=None)
@given(st.text(st.sampled_from("*,-/#LW?RH@0123456789 MONJAevryatonc:+TZ"), max_size=cron_schedule.LONGEST))
def test_any_text_is_understood_or_refused_and_nothing_else_is_raised(text: str) -> None:
    try:
        schedule = parse(text)
    except ScheduleError:
        return
    assert len(schedule.list_upcoming(START, 2)) in (0, 1, 2)
