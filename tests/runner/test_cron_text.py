"""Each description of a schedule is read back, and names exactly the times at which the schedule is due."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runner.cron.describe import Words, describe
from runner.cron.schedule import ScheduleError, parse
from tests.support.cron_words import read_chinese, read_english
from tests.support.sampling import choose_count

STARTS = (datetime(2024, 1, 30, 23, 58, 30), datetime(2024, 2, 28, 11, 59, 59), datetime(2026, 12, 31, 22, 0))
"""Before month ends, a leap day and a new year."""
DAY_NAMES = ("Sun", "MON", "tue", "wednesday", "THURSDAY", "Fri", "saturday", "thurs")
MONTH_NAMES = ("JAN", "feb", "March", "apr", "MAY", "june", "JUL", "aug", "sept", "OCT", "nov", "December")


def words(expr: str) -> Words:
    return describe(parse(expr))


def check_words(expr: str) -> None:
    """Both sentences against the moments that the schedule itself gives."""
    schedule = parse(expr)
    said = describe(schedule)
    assert schedule.times is not None
    for meaning in (read_english(said.en), read_chinese(said.zh)):
        for start in STARTS:
            moment: datetime | None = start
            for _ in range(4):
                if moment is not None:
                    due = schedule.times.find_after(moment)
                    assert meaning.after(moment) == due, said
                    moment = due


def numbers_of(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    plain = st.integers(low, high).map(str)
    return st.one_of(plain, st.sampled_from(names)) if names else plain


def field(low: int, high: int, names: tuple[str, ...] = (), odd: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Every form of item: stars, values, names, ranges that go round too, steps, ranges of everything, lists."""
    value, step = numbers_of(low, high, names), st.integers(1, min(high, 40)).map(str)
    item = st.one_of(
        value,
        st.tuples(value, value).map("-".join),
        st.tuples(st.tuples(value, value).map("-".join), step).map("/".join),
        st.tuples(st.one_of(st.just("*"), value), st.sampled_from(("1", "2", "5", "10"))).map("/".join),
        st.sampled_from(("*", "*/1", "*/2", f"{low}-{high}", *odd)),
    )
    several = st.lists(item, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), value, item, several)


DAYS = field(1, 31, odd=("L", "L", "31", "29-31"))
WEEKDAYS = field(0, 7, DAY_NAMES, ("MON#1", "5#5", "fridayL", "L0", "sun#3", "0-6", "1-7", "sat-sun"))
MINUTES = field(0, 59)
FIVE = st.tuples(MINUTES, field(0, 23), DAYS, field(1, 12, MONTH_NAMES), WEEKDAYS)
EXPRESSIONS = st.one_of(
    FIVE.map(" ".join),
    FIVE.map("\t ".join),
    st.tuples(MINUTES, FIVE.map(" ".join)).map(" ".join),
    st.tuples(MINUTES, MINUTES, field(0, 23), st.just("* * *")).map(" ".join),
    st.tuples(st.sampled_from(("0 0", "5,35 0-23", "* *", "*/7 8")), DAYS, st.just("*"), WEEKDAYS).map(" ".join),
)


def check_drawn(expr: str) -> None:
    try:
        parse(expr)
    except ScheduleError:
        assume(False)
    check_words(expr)


@pytest.mark.sampled
@settings(max_examples=choose_count(30, 150), deadline=None)
@given(EXPRESSIONS)
def test_a_description_names_exactly_the_times_of_its_schedule_in_both_languages(expr: str) -> None:
    check_drawn(expr)


@pytest.mark.faults
@pytest.mark.sampled
@settings(max_examples=choose_count(1000, 5000), deadline=None)
@given(EXPRESSIONS)
def test_thousands_of_descriptions_name_exactly_the_times_of_their_schedules(expr: str) -> None:
    check_drawn(expr)


@pytest.mark.parametrize(
    ("expr", "en", "zh"),
    [
        ("0 0 1-31 * 1", "At 00:00 every day", "每天 00:00"),
        ("0 0 13 * 0-6", "At 00:00 every day", "每天 00:00"),
        ("0 0 1-31 2 1", "At 00:00 every day in February", "每年 2 月 每天 00:00"),
        ("0 0 */1 * 1", "At 00:00 on Monday", "每周一 00:00"),
        ("0 0 * * 1", "At 00:00 on Monday", "每周一 00:00"),
        ("0 0 13 * 5", "At 00:00 on day 13 of the month or on Friday", "每月 13 日或每周五 00:00"),
        ("0 0 13 1 5", "At 00:00 on day 13 or on Friday, only in January", "每年 1 月 13 日或每周五 00:00"),
        (
            "0 0 */2 * MON",
            "At 00:00 on days 1, 3, 5 … 31 of the month if it is Monday",
            "每月 1、3、5 … 31 日（仅当为周一） 00:00",
        ),
        ("0 0 * * fri-mon", "At 00:00 on Monday and Friday to Sunday", "每周一、周五至周日 00:00"),
        ("*/45 * * * *", "At minutes 0 and 45 of every hour", "每小时第 0、45 分"),
        ("30 * * * * *", "At second 30 of every minute", "每分钟第 30 秒"),
        ("* */30 * * * *", "Every second in minutes 0 and 30 of every hour", "每小时第 0、30 分的每秒"),
        ("*/5 9-17 * * *", "Every 5 minutes in hours 9-17 every day", "每天 9-17 点每 5 分钟"),
    ],
)
def test_both_fields_of_days_are_described_as_they_are_scheduled(expr: str, en: str, zh: str) -> None:
    assert words(expr) == Words(en, zh)
    check_words(expr)


@pytest.mark.parametrize(
    ("expr", "en", "zh"),
    [
        ("@every 1s", "Every second", "每秒"),
        ("@every 60m", "Every hour", "每小时"),
        ("@every 90s", "Every 1 minute 30 seconds", "每 1 分钟 30 秒"),
        ("@every 1h1m1s", "Every 1 hour 1 minute 1 second", "每 1 小时 1 分钟 1 秒"),
        ("@every 1d", "Every 24 hours", "每 24 小时"),
        ("@every 7d", "Every 7 days of 24 hours", "每 7 天（每天按 24 小时计）"),
    ],
)
def test_an_interval_is_described_as_real_time_that_starts_when_it_is_saved(expr: str, en: str, zh: str) -> None:
    assert words(expr) == Words(f"{en}, counted from when it was saved", f"{zh}，从保存时起算")


@pytest.mark.sampled
@settings(max_examples=choose_count(20, 100), deadline=None)
@given(st.integers(1, 366 * 86_400))
def test_the_parts_of_an_interval_add_up(seconds: int) -> None:
    said = words(f"@every {seconds}s")
    units = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1, "天": 86_400, "小时": 3600, "分钟": 60, "秒": 1}
    for text, pattern in (
        (said.en.replace(" of 24 hours", ""), r"(\d+)? ?(day|hour|minute|second)"),
        (said.zh.split("（")[0], r"(\d+)? ?(天|小时|分钟|秒)"),
    ):
        assert sum(int(count or 1) * units[unit] for count, unit in re.findall(pattern, text)) == seconds


@pytest.mark.parametrize("at", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-12-01T10:00:00.25+08:00"])
def test_a_moment_is_described_exactly_also_within_an_hour_that_comes_twice(at: str) -> None:
    said = describe(parse(f"@at {at}", timezone="Europe/Berlin"))
    for text, before in ((said.en, "Once, at "), (said.zh, "一次，于 ")):
        shown = datetime.fromisoformat(text.removeprefix(before))
        assert shown.astimezone(UTC) == datetime.fromisoformat(at).astimezone(UTC)
        assert shown.utcoffset() == shown.astimezone(ZoneInfo("Europe/Berlin")).utcoffset() or timedelta()


def test_a_schedule_that_comes_by_hand_or_once_says_so() -> None:
    assert words("@manual") == Words("Only when someone starts it", "仅手动运行")
    assert words("@once") == Words("Once, when it is created", "创建时运行一次")
