"""Lines of crontabs: what cron understands by each, and which do not become tasks, with the reason."""

import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.crontab.host import SCRIPT, Host, build_host, split_parts, wait_for_clock
from sshcast.remote.crontab.lines import Line, Origin, read_lines
from sshcast.remote.crontab.meaning import Mark, Meaning, interpret
from sshcast.remote.crontab.percent import render_script, split_command
from sshcast.remote.crontab.variables import parse_variable
from sshcast.remote.crontab.words import Cron, NotImported
from sshcast.remote.printing import Printer

OF_SYSTEM = Origin("/etc/cron.d/x", None, Cron.VIXIE)


def read(text: str | bytes, cron: Cron = Cron.UNKNOWN) -> list[Line]:
    data = text if isinstance(text, bytes) else text.encode()
    return read_lines(data, Origin("crontab of deploy", "deploy", cron))


def find_reason(text: str | bytes, cron: Cron = Cron.UNKNOWN) -> str | None:
    """Why the only line does not become a task; None if it does."""
    (line,) = read(text, cron)
    try:
        interpret(line, "deploy", "Europe/Berlin", 60)
    except NotImported as error:
        return str(error)
    return None


def understand(text: str, cron: Cron = Cron.UNKNOWN) -> Meaning:
    (line,) = read(text, cron)
    return interpret(line, "deploy", "Europe/Berlin", 60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", ("A", "1")),
        ("  A = 1 2  ", ("A", "1 2")),
        ("A='1 2  '", ("A", "1 2  ")),
        ('A="it\'s"', ("A", "it's")),
        ('"A" = "x"  ', ("A", "x")),
        ("A=''", ("A", "")),
        ("A=b # no comment", ("A", "b # no comment")),
        ("A=b=c", ("A", "b=c")),
        ("A=$HOME/bin", ("A", "$HOME/bin")),
        ("A=b'c'", ("A", "b'c'")),
        ("A=", None),
        ("=b", None),
        ("A='b' c", None),
        ("A='b", None),
        ("5 0 * * * A=1 command", None),
        ("@daily A=1 command", None),
        ("A B=1", None),
    ],
)
def test_a_variable_is_read_as_cron_reads_it(text: str, expected: tuple[str, str] | None) -> None:
    assert parse_variable(text, Cron.VIXIE) == expected
    assert parse_variable(text, Cron.CRONIE) == (("A", "") if text == "A=" else expected)


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("cat", "cat", None),
        (r"date +\%s", "date +%s", None),
        ("cat%", "cat", ""),
        ("cat%a", "cat", "a\n"),
        ("cat%a%", "cat", "a\n"),
        ("cat%a%%b", "cat", "a\n\nb\n"),
        (r"cat%a\%b", "cat", "a%b\n"),
        (r"echo a\\b", r"echo a\\b", None),
        (r"echo \\%in", "echo \\\\", "in\n"),
        (r"cat%a\b\\c", "cat", "a\\b\\\\c\n"),
        ("cat%a\\", "cat", "a\\\n"),
        ("cat%END%END_%", "cat", "END\nEND_\n"),
        (r"cat%$HOME `id` 'x", "cat", "$HOME `id` 'x\n"),
        ("cat # it's%a", "cat # it's", "a\n"),
    ],
)
def test_percent_signs_are_crons_and_the_script_s_standard_input_is_the_same_to_the_byte(
    text: str, command: str, stdin: str | None
) -> None:
    assert split_command(text) == (command, stdin)
    if command.startswith("cat"):
        done = subprocess.run(
            ["/bin/sh", "-c", render_script(command, stdin)], stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
        assert done.stdout == (stdin or "").encode()


@pytest.mark.parametrize(
    "schedule",
    [
        *("* * * * *", "*/5 1-5 1,15 jan-mar MON", "0-59/2 */3 1-7/2 * 0-7", "00 09 * * sun,7", "@daily", "@hourly"),
        *("5\t0  *   * *", "0 0 31 2 *"),
    ],
)
def test_schedules_of_every_cron_are_taken(schedule: str) -> None:
    assert find_reason(f"{schedule} true\n") is None


REASONS: list[tuple[str | bytes, str]] = [
    ("@reboot true\n", "does not learn when a server starts"),
    ("@Daily true\n", "cron knows no @Daily"),
    ("@every 5m true\n", "cron knows no @every"),
    ("@every_minute true\n", "cron knows no @every_minute"),
    ("60 * * * * true\n", "the minute 60 has 60, which cron refuses"),
    ("* 24 * * * true\n", "the hour 24"),
    ("* * 0 * * true\n", "the day of month 0"),
    ("* * * * 8 true\n", "the day of week 8"),
    ("* * * * monday true\n", "the day of week monday has monday, which cron refuses"),
    ("* * * 13 * true\n", "the month 13"),
    ("22-2 * * * * true\n", "a range that goes down"),
    ("* * * * fri-sun true\n", "a range that goes down"),
    ("5/10 * * * * true\n", "a step after one number"),
    ("*/0 * * * * true\n", "a step of 0"),
    ("0~30 * * * * true\n", "not as every cron reads it"),
    ("* * L * * true\n", "the day of month L"),
    ("* * ? * * true\n", "the day of month ?"),
    ("* * * * 1#2 true\n", "the day of week 1#2"),
    ("-5 * * * * true\n", "the minute -5"),
    ("*-5 * * * * true\n", "the minute *-5"),
    ("1,,2 * * * * true\n", "the minute 1,,2"),
    ("5 0 * * *\n", "it has no command"),
    ("@daily\n", "it has no command"),
    ("5 0 *\n", "it has no command"),
    ("5 0 * * * # nothing\n", "a comment to the shell"),
    ("5 0 * * * true\r\n", "CR LF"),
    ("\r\n", "nothing but a CR"),
    (b"5 0 * * * echo \xe4\n", "not UTF-8"),
    (b"5 0 * * * echo \0\n", "NUL"),
    ("5 0 * * * true", "no line end"),
    (f"5 0 * * * echo {'x' * 1000}\n", "more than 998 bytes"),
    ("HOME=work\n5 0 * * * true\n", "no absolute path"),
    ("CRON_TZ=Asia/Tokyo\n5 0 * * * true\n", "whether this server's cron knows CRON_TZ"),
    ("RANDOM_DELAY=5\n5 0 * * * true\n", "whether this server's cron knows it"),
    ("A=\n", "it has no command after the schedule"),
]


@pytest.mark.parametrize(("text", "reason"), REASONS)
def test_what_is_not_imported_says_why(text: str | bytes, reason: str) -> None:
    found = find_reason(text)
    assert found is not None
    assert reason in found


CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize("case", REASONS, ids=lambda case: case[1])
def test_each_reason_is_told_in_chinese_to_who_reads_chinese(case: tuple[str | bytes, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sshcast.words.is_chinese", lambda: True)
        found = find_reason(case[0])
    assert found is not None
    assert CHINESE.search(found)
    assert case[1] not in found or case[1] in ("NUL", "CR LF")


def test_a_long_command_a_downward_weekday_and_a_dash_are_read_by_cronie() -> None:
    assert find_reason(f"5 0 * * * echo {'x' * 1000}\n", Cron.CRONIE) is None
    assert understand("5 0 * * fri-sun true\n", Cron.CRONIE).fields["cronExpr"] == "5 0 * * fri-sun"
    assert understand("-5 0 * * * true\n", Cron.CRONIE).fields["cronExpr"] == "5 0 * * *"


def test_cron_tz_is_the_schedule_s_zone_for_cronie_and_an_idle_variable_for_debian_s_cron() -> None:
    text = "CRON_TZ=Asia/Tokyo\n5 0 * * * true\n"
    assert understand(text, Cron.CRONIE).fields["timezone"] == "Asia/Tokyo"
    assert understand(text, Cron.VIXIE).fields["timezone"] == "Europe/Berlin"
    found = understand("TZ=Asia/Tokyo\n5 0 * * * true\n", Cron.CRONIE).fields
    assert (found["timezone"], {"name": "TZ", "value": "Asia/Tokyo"} in found["env"]) == ("Europe/Berlin", True)


def test_a_random_delay_is_cronies_alone() -> None:
    text = "RANDOM_DELAY=45\n5 0 * * * true\n"
    assert understand(text, Cron.CRONIE).fields["terms"]["jitterSeconds"] == 2700
    assert "jitterSeconds" not in understand(text, Cron.VIXIE).fields["terms"]


def test_variables_hold_for_the_lines_below_them() -> None:
    first, second = read("A=1\n5 0 * * * one\nA=2\nB=3\n5 0 * * * two\n")
    assert (first.variables, second.variables) == ({"A": "1"}, {"A": "2", "B": "3"})
    assert (first.number, second.number) == (2, 5)


def test_a_line_keeps_its_digest_while_only_blanks_and_neighbours_change() -> None:
    (line,) = read("5 0 * * * one two\n")
    (same,) = read("# a comment\n\n  5\t0 *  * *   one two\n")
    (other,) = read("5 1 * * * one two\n")
    assert (line.digest, line.command_digest) == (same.digest, same.command_digest)
    assert (line.digest == other.digest, line.command_digest == other.command_digest) == (False, True)


def test_debian_s_cron_ignores_a_file_with_a_mistake_and_cronie_its_line_alone() -> None:
    text = "5 0 * * * deploy one\n61 0 * * * deploy two\n"
    assert [line.fault for line in read_lines(text.encode(), OF_SYSTEM)] == [
        "this cron ignores the whole file, for its line 2",
        "the minute 61 has 61, which cron refuses",
    ]
    of_cronie = Origin("/etc/cron.d/x", None, Cron.CRONIE)
    assert [line.fault is None for line in read_lines(text.encode(), of_cronie)] == [True, False]
    unended = read_lines(b"5 0 * * * deploy one\n6 0 * * * deploy two", OF_SYSTEM)
    assert [line.fault is None for line in unended] == [False, False]
    assert [line.fault for line in read_lines(b"5 0 * * * deploy one\n# the end", OF_SYSTEM)] == [None]


def test_a_system_s_lines_name_their_user_and_those_of_others_are_not_imported() -> None:
    mine, other = read_lines(b"5 0 * * * deploy one two\n@daily root three\n", OF_SYSTEM)
    assert (mine.user, mine.command, other.user, other.command) == ("deploy", "one two", "root", "three")
    assert interpret(mine, "deploy", None, 60).fields["cronExpr"] == "5 0 * * *"
    with pytest.raises(NotImported, match="cron runs it as root, and the server's account is deploy"):
        interpret(other, "deploy", None, 60)


def test_a_task_s_command_says_which_line_it_comes_from() -> None:
    for text in ("5 0 * * * one\n", "SHELL=/bin/bash\n5 0 * * * one\n"):
        found = understand(text)
        assert Mark.find(found.fields["command"]) == found.mark
    assert Mark.find("echo hi\n# crontab: deploy") is None


def ask(folder: Path, crontab: str, said: dict[str, str]) -> Host:
    """What is understood of a host whose /etc is this folder, asked by the real script in the real shell."""
    tools = folder / "bin"
    tools.mkdir()
    for name, text in {"crontab": crontab, **said}.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    script = SCRIPT.replace("MARK", "0123").replace("/etc/", f"{folder}/etc/")
    script = script.replace("/usr/share/zoneinfo", f"{folder}/zoneinfo")
    environment = {"PATH": f"{tools}:/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, check=True)
    return build_host(list(split_parts(done.stdout, "0123")), datetime.now(UTC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "etc" / "cron.d").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "Asia").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "Asia" / "Tokyo").write_bytes(b"TZif2 Tokyo")
    return tmp_path


NO_PACKAGE = {"dpkg": "exit 1", "rpm": "exit 1"}


def test_a_server_tells_its_cron_by_its_package_or_by_its_program(folder: Path) -> None:
    debian = {"dpkg": 'echo "cron: $2"', "rpm": "exit 1"}
    fedora = {"dpkg": "exit 127", "rpm": "echo cronie-1.7.2-1.fc41.x86_64"}
    other = {"dpkg": 'echo "bcron: $2"', "rpm": "exit 1"}
    expected = [(debian, "", Cron.VIXIE), (fedora, "", Cron.CRONIE), (other, "", Cron.OTHER)]
    expected += [(NO_PACKAGE, "# cronie 1.7", Cron.CRONIE), (NO_PACKAGE, "# some", Cron.UNKNOWN)]
    for at, (said, more, cron) in enumerate(expected):
        host = folder / str(at)
        (host / "etc" / "cron.d").mkdir(parents=True)
        assert ask(host, f"echo '5 0 * * * x'\n{more}", said).cron is cron


def test_a_server_tells_its_zone_by_a_link_or_by_a_name_whose_file_is_the_same(folder: Path) -> None:
    for at, kind in enumerate(("link", "copy", "other copy", "none")):
        host = folder / str(at)
        (host / "etc" / "cron.d").mkdir(parents=True)
        (host / "zoneinfo").symlink_to(folder / "zoneinfo")
        clock = host / "etc" / "localtime"
        if kind == "link":
            clock.symlink_to("../zoneinfo/Asia/Tokyo")
        elif kind != "none":
            clock.write_bytes(b"TZif2 Tokyo" if kind == "copy" else b"TZif2 Berlin")
            (host / "etc" / "timezone").write_text("Asia/Tokyo\n")
        expected = {"other copy": None, "none": "UTC"}.get(kind, "Asia/Tokyo")
        assert ask(host, "exit 1", NO_PACKAGE).timezone == expected, kind


def test_a_server_s_crontabs_come_to_the_byte_and_those_that_cron_ignores_are_told(folder: Path) -> None:
    (folder / "etc" / "crontab").write_bytes(b"# \xe4\n\n0124 part\n5 0 * * * root one\n\n")
    for name in ("good", "bad.name", "loose"):
        (folder / "etc" / "cron.d" / name).write_text(f"5 0 * * * root {name}\n")
        (folder / "etc" / "cron.d" / name).chmod(0o666 if name == "loose" else 0o644)
    host = ask(folder, "printf '5 0 * * * mine\\n'", {"dpkg": 'echo "cron: $2"', "rpm": "exit 1"})
    tables = {table.origin.label.rpartition("/")[2]: table for table in host.tables}
    assert tables["crontab"].data == b"# \xe4\n\n0124 part\n5 0 * * * root one\n\n"
    assert host.tables[0].data == b"5 0 * * * mine\n"
    assert tables["good"].fault is None
    assert "has a name that this cron ignores" in (tables["bad.name"].fault or "")
    assert "not root's alone to write" in (tables["loose"].fault or "")


def build_clock(seconds: int, milliseconds: int) -> Host:
    """A host whose clock is so many seconds after a minute's turn, as the service's is by milliseconds."""
    turn = 1_800_000_000
    ended_at = datetime.fromtimestamp(turn + milliseconds / 1000, UTC)
    return Host("deploy", Cron.VIXIE, "cron", "UTC", turn + seconds, ended_at)


def test_an_adoption_waits_until_the_service_is_in_the_server_s_minute() -> None:
    slept: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", slept.append)
        for seconds, milliseconds in ((30, 30_000), (30, -20_000), (0, -500), (70, 100), (-5, 3_000)):
            wait_for_clock(build_clock(seconds, milliseconds), Printer())
    assert slept == [pytest.approx(21.5), pytest.approx(2.0), pytest.approx(61.4)]
    with pytest.raises(CommandFailed, match="120 s or more ahead of the service's"):
        wait_for_clock(build_clock(120, 0), Printer())


def test_no_crontab_is_an_empty_one_and_a_refusal_is_none_that_was_read(folder: Path) -> None:
    none = ask(folder, "echo 'no crontab for deploy' >&2; exit 1", NO_PACKAGE).tables[0]
    assert (none.data, none.fault) == (b"", None)
    (folder / "bin").rename(folder / "before")
    refused = ask(folder, "echo 'You (deploy) are not allowed to use this program' >&2; exit 1", NO_PACKAGE).tables[0]
    assert refused.fault == "`crontab -l` failed (You (deploy) are not allowed to use this program)"
