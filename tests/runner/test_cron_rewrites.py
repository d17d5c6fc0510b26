"""What people bring along from crontabs, Quartz, Jenkins and Chinese keyboards: taken, or refused with what works."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cron.schedule import ScheduleError, parse
from tests.support.sampling import choose_count

START = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS_ZH = ("秒：", "分钟：", "小时：", "日：", "月：", "星期：", "调度：", "间隔：", "时间：", "时区：")


def slots(expr: str) -> list[datetime]:
    return [due.at for due in parse(expr).list_upcoming(START, 12)]


def why(expr: str) -> ScheduleError | None:
    try:
        parse(expr)
    except ScheduleError as error:
        return error
    return None


def refused(expr: str, timezone: str = "UTC", floor_seconds: int = 1) -> ScheduleError:
    with pytest.raises(ScheduleError) as caught:
        parse(expr, timezone=timezone, floor_seconds=floor_seconds)
    parse(caught.value.example, timezone=timezone, floor_seconds=floor_seconds)
    return caught.value


@pytest.mark.parametrize(
    ("taken", "same"),
    [
        ("0 22-2 * * *", "0 22,23,0,1,2 * * *"),
        ("0 22-4/3 * * *", "0 22,1,4 * * *"),
        ("50-10/7 * * * *", "50,57,4 * * * *"),
        ("50-10 0 12 * * *", "50-59,0-10 0 12 * * *"),
        ("0 0 * * FRI-MON", "0 0 * * 5,6,0,1"),
        ("0 0 * * 6-2", "0 0 * * 6,0,1,2"),
        ("0 0 * * 7-2", "0 0 * * 0,1,2"),
        ("0 0 28-3 * *", "0 0 28,29,30,31,1,2,3 * *"),
        ("0 0 1 nov-feb *", "0 0 1 11,12,1,2 *"),
        ("0\t5 \t* * *", "0 5 * * *"),
        (" \t0 5 * * *\r\n", "0 5 * * *"),
        ("@DAILY\n", "0 0 * * *"),
        ("0 0 ? * MON", "0 0 * * MON"),
        ("0 0 1 * ?", "0 0 1 * *"),
        ("0 0 12 ? * MON-FRI", "0 0 12 * * MON-FRI"),
        ("0 0 ? * 1", "0 0 * * 1"),
        ("0 0 1 january,Sept *", "0 0 1 1,9 *"),
        ("0 0 * * monday-Friday", "0 0 * * 1-5"),
        ("0 0 * * tues,thurs", "0 0 * * 2,4"),
        ("0 0 * * MONDAY#2", "0 0 * * MON#2"),
        ("0 0 * * fridayL", "0 0 * * FRIL"),
        ("0 0 * * sat-sunday", "0 0 * * 6,7"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("@every 1h30m", "@every 90m"),
        ("@every 1.5h", "@every 90m"),
        ("@every 1h30m10s", "@every 5410s"),
        ("@every 1d12h", "@every 36h"),
        ("@every 1500ms500ms", "@every 2s"),
        ("@every\t90s", "@every 90s"),
    ],
)
def test_what_crontab_users_write_is_taken(taken: str, same: str) -> None:
    assert slots(taken) == slots(same)


@pytest.mark.parametrize(
    ("expr", "rewrite"),
    [
        ("TZ=Asia/Shanghai 0 9 * * *", "0 9 * * *"),
        ('CRON_TZ="Asia/Shanghai" 0 9 * * *', "0 9 * * *"),
        ("CRON_TZ=Mars/X 0 9 * * *", "0 9 * * *"),
        ("TZ=Asia/Shanghai\n0 9 * * *", "0 9 * * *"),
        ("0 9 * * * Asia/Shanghai", "0 9 * * *"),
        ("@daily UTC", "@daily"),
        ("MAILTO=me 0 9 * * *", "0 9 * * *"),
        ("0 9 * * *\n0 10 * * *", "0 9 * * *"),
        ("0 5 * * * # nightly", "0 5 * * *"),
        ("# 0 5 * * *", "0 5 * * *"),
        ("# nightly\n0 5 * * *", "0 5 * * *"),
        ('"0 5 * * *"', "0 5 * * *"),
        ("'0 5 * * *'", "0 5 * * *"),
        ("`0 5 * * *`", "0 5 * * *"),
        ("“0 5 * * *”", "0 5 * * *"),
        ("- cron: '0 5 * * *'  # comment", "0 5 * * *"),
        ("0 5 * * * root /usr/bin/x", "0 5 * * *"),
        ("0 5 * * * root", "0 5 * * *"),
        ("0 5 * * * /usr/bin/x -a > /dev/null 2>&1", "0 5 * * *"),
        ("0 5 * * * /usr/bin/x " + "-a " * 60, "0 5 * * *"),
        ("*/5 * * * * df -h", "*/5 * * * *"),
        ("0 0 5 * * * root x", "0 0 5 * * *"),
        ("@daily root /usr/bin/x", "@daily"),
        ("@every 5m df", "@every 5m"),
        ("0 0 9 ? * MON-FRI 2026", "0 0 9 ? * MON-FRI"),
        ("0 0 9 ? * 6#3 *", "0 0 9 ? * FRI#3"),
        ("0 0 9 1 1 ? *", "0 0 9 1 1 ?"),
        ("0 0 9 * * * *", "0 0 9 * * *"),
        ("0 0 9 ? * 2-6", "0 0 9 ? * MON-FRI"),
        ("0 0 9 ? * 6L", "0 0 9 ? * FRIL"),
        ("cron(0 12 * * ? *)", "0 12 * * ?"),
        ("cron(0 18 ? * 2-6 *)", "0 18 ? * MON-FRI"),
        ("rate(5 minutes)", "@every 5m"),
        ("＊/5　＊ ＊ ＊ ＊", "*/5 * * * *"),
        ("０ ９ ＊ ＊ １，５", "0 9 * * 1,5"),
        ("0 9、18 * * *", "0 9,18 * * *"),
        ("0 9 * * 周一至周五", "0 9 * * MON-FRI"),
        ("0 9 * * 星期一", "0 9 * * MON"),
        ("٥ * * * *", "5 * * * *"),
        ("*\u00a0* * * *", "* * * * *"),
        ("\ufeff0 9 * * 1–5", "0 9 * * 1-5"),
        ("* * * * *\0", "* * * * *"),
        ("H/15 * * * *", "*/15 * * * *"),
        ("H H(9-16) * * 1-5", "0 9 * * 1-5"),
        ("H(0-29)/10 * * * *", "0-29/10 * * * *"),
        ("R * * * *", "0 * * * *"),
        ("0~59 3 * * *", "0 3 * * *"),
        ("0 0 15W * *", "0 0 15 * *"),
        ("0 0 LW * *", "0 0 L * *"),
        ("0 0 L-3 * *", "0 0 L * *"),
        ("0 0 * * L", "0 0 * * SAT"),
        ("0 0 * * MON#6", "0 0 * * MONL"),
        ("? * * * *", "* * * * *"),
        ("*/0 * * * *", "* * * * *"),
        ("*/60 * * * *", "0 * * * *"),
        ("*/90 * * * *", "@every 90m"),
        ("*/120 * * * *", "0 */2 * * *"),
        ("*/90 9 * * *", "0 9 * * *"),
        ("0 */24 * * *", "0 0 * * *"),
        ("0 */36 * * *", "@every 36h"),
        ("*/90 * * * * *", "@every 90s"),
        ("0 0 */45 * *", "@every 45d"),
        ("0 0 1 */18 *", "0 0 1 1 *"),
        ("60 * * * *", "0 * * * *"),
        ("0 24 * * *", "0 0 * * *"),
        ("0-60 9-24 * * *", "0-59 9-23 * * *"),
        ("0 0 31 2 *", "0 0 L 2 *"),
        ("0 0 30 2 */2", "0 0 L 2 */2"),
        ("0 0 31 4,6,9,11 *", "0 0 L 4,6,9,11 *"),
        ("0 0 * 2 MON#5", "0 0 * 2 MONL"),
        ("1, 15 * * * *", "1,15 * * * *"),
        ("0 0 * * 1 - 5", "0 0 * * 1-5"),
        ("* /5 * * * *", "*/5 * * * *"),
        ("*5 * * * *", "*/5 * * * *"),
        ("** * * * *", "* * * * *"),
        ("1,,2 * * * *", "1,2 * * * *"),
        ("0 9 * * MON FRI", "0 9 * * MON,FRI"),
        ("0 9 * * MODNAY", "0 9 * * MONDAY"),
        ("0 9 * *", "0 9 * * *"),
        ("09:30", "30 9 * * *"),
        ("9:30 * * MON", "30 9 * * mon"),
        ("每5分钟", "@every 5m"),
        ("每 2 小时", "@every 2h"),
        ("每天", "@daily"),
        ("@every 1,5h", "@every 90m"),
        ("0 9 * * * TZ=Asia/Shanghai", "0 9 * * *"),
        ("0 0 9 ? ? ?", "0 0 9 ? * ?"),
        ("daily", "@daily"),
        ("@dayly", "@daily"),
        ("@minutely", "* * * * *"),
        ("@weekdays", "0 0 * * MON-FRI"),
        ("every 5 minutes", "@every 5m"),
        ("every hour", "@hourly"),
        ("@every5s", "@every 5s"),
        ("@every 90", "@every 90s"),
        ("@every 1h 30m", "@every 90m"),
        ("@every 1 hour 30 minutes", "@every 90m"),
        ("@every 2w", "@every 14d"),
        ("@every 1.5s", "@every 2s"),
        ("@every 0s", "@every 1s"),
        ("@every 400d", "@every 366d"),
        ("@300", "@every 5m"),
        ("TZ=Asia/Shanghai 60 9 * * * root /x # c", "0 9 * * *"),
    ],
)
def test_what_is_refused_is_shown_as_it_works(expr: str, rewrite: str) -> None:
    error = refused(expr)
    assert (error.example, error.is_rewrite) == (rewrite, True)
    assert error.message_en.endswith(f"; write {rewrite}")
    assert error.message_zh.endswith(f"；请写成 {rewrite}")
    assert re.search("[\u4e00-\u9fff]", error.message_zh.partition("：")[2].removesuffix(rewrite))


@pytest.mark.parametrize(
    ("expr", "en", "zh"),
    [
        (
            "TZ=Asia/Shanghai 0 9 * * *",
            "give Asia/Shanghai in the field timezone",
            "请在 timezone 字段填写 Asia/Shanghai",
        ),
        ("CRON_TZ=Mars/X 0 9 * * *", "an IANA name such as Asia/Shanghai", "IANA 时区（如 Asia/Shanghai）"),
        ("0 5 * * * root /x", "the field command", "command 字段"),
        ("@reboot", "since no server tells when it starts", "服务器启动时不会通知"),
        ("0 0 9 ? * 2-6", "Quartz counts Sunday as 1", "Quartz 以 1 为周日"),
        ("0 0 9 1 1 ? 2026", "a single moment is @at", "单次请用 @at"),
        ("H * * * *", "jitter spreads its runs", "错开执行请用任务的 jitter"),
        ("0 0 31 2 *", "it never fires", "永远不会触发"),
        ("*/90 * * * *", "a step counts within its field", "步长只在本字段内计数"),
        ("＊ * * * *", "U+FF0A", "请用半角"),
    ],
)
def test_a_refusal_says_why(expr: str, en: str, zh: str) -> None:
    error = refused(expr)
    assert en in error.message_en
    assert zh in error.message_zh


@pytest.mark.parametrize(
    ("expr", "field"),
    [
        ("60 * * * * *", "秒"),
        ("60 * * * *", "分钟"),
        ("0 24 * * *", "小时"),
        ("0 0 32 * *", "日"),
        ("0 0 1 13 *", "月"),
        ("0 0 * * 8", "星期"),
        ("* *", "调度"),
        ("@every x", "间隔"),
        ("@at x", "时间"),
    ],
)
def test_a_chinese_refusal_names_the_field_in_chinese(expr: str, field: str) -> None:
    assert refused(expr).message_zh.startswith(f"{field}：")


@pytest.mark.parametrize(
    "expr", ["0 0 32 * *", "0 25 * * *", "1.5 * * * *", "* * * FOO *", "0 9 * * 一", "@reboot", "abc", "@every 1h30"]
)
def test_what_nobody_can_tell_the_meaning_of_gets_an_example_and_no_rewrite(expr: str) -> None:
    error = refused(expr)
    assert not error.is_rewrite
    assert f"(for example {error.example})" in error.message_en
    assert f"（例如 {error.example}）" in error.message_zh


def test_a_time_without_an_offset_is_shown_with_that_of_the_schedules_zone() -> None:
    assert refused("@at 2030-12-01 10:00", "Asia/Shanghai").example == "@at 2030-12-01T10:00:00+08:00"


@pytest.mark.parametrize("floor", [300, 3600, 86_400, 7 * 86_400, 200 * 86_400])
@pytest.mark.parametrize(
    "expr", ["* * * * *", "*/7 * * * * *", "0,1 3 * * *", "@every 5s", "61 * * * *", "x", "@x", "\0", ""]
)
def test_what_is_shown_keeps_to_the_floor(expr: str, floor: int) -> None:
    refused(expr, floor_seconds=floor)


PIECES = st.sampled_from(
    (
        *"*,-/#?~LWHR0159 ",
        " ",
        " ",
        "*/",
        "60",
        "24",
        "90",
        "MON",
        "JAN",
        "TZ=UTC ",
        "@",
        "every ",
        "1h",
        "＊",
        "　",
        "# ",
    )
)


@pytest.mark.sampled
@settings(max_examples=choose_count(50, 250), deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=14).map("".join), st.lists(PIECES, min_size=5, max_size=7).map(" ".join)))
def test_whatever_is_refused_what_is_shown_works(text: str) -> None:
    error = why(text)
    if error is not None:
        parse(error.example)
        assert error.message_zh.startswith(FIELDS_ZH)
