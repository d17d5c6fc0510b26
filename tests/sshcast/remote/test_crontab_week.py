"""What a whole crontab becomes: over a week with a clock change, its tasks are due when cron starts its lines."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sshcast.remote.api import Api
from sshcast.remote.choice import Choice, open_api
from sshcast.remote.crontab.lines import Origin, read_lines
from sshcast.remote.crontab.meaning import interpret
from sshcast.remote.crontab.words import Cron
from tests.support.commands import Commands
from tests.support.vixie import list_due, read_utc

CRONTAB = r"""
# Edited by hand since 2011; m h dom mon dow command
SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
MAILTO="ops@example.com"

17 * * * *      cd / && run-parts --report /etc/cron.hourly
25 6 * * *      test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )
47 6 * * 7      test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.weekly )
52 6 1 * *      test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.monthly )
5-55/10 * * * * command -v debian-sa1 > /dev/null && debian-sa1 1 1
59 23 * * *     command -v debian-sa1 > /dev/null && debian-sa1 60 2
09,39 * * * *   [ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean
0 */12 * * *    test -x /usr/bin/certbot && perl -e 'sleep int(rand(43200))' && certbot -q renew
57 0 * * 0      [ $(date +\%d) -le 07 ] && /usr/share/mdadm/checkarray --cron --all --idle --quiet
30 3 * * 0      test -e /run/systemd/system || /usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron
10 3 * * *      /sbin/e2scrub_all -A -r
*/5 * * * *     /usr/bin/flock -n /tmp/poll.lock /opt/app/bin/poll >> /var/log/poll.log 2>&1
*/15 0-5 * * *  /opt/app/bin/night --batch
0 2 * * *       /opt/backup/run --full
30 2 * * *      /opt/backup/run --incremental
0 2-4 * * *     /opt/app/bin/rotate
*/20 2 * * *    /opt/app/bin/sync
15 1,2,3 * * *  /opt/app/bin/probe
0 9-17 * * mon-fri /opt/app/bin/report
0 0 1,15 * 5    /opt/app/bin/either-day
0 0 */2 * 1     /opt/app/bin/both-days
0 0 1-7 * */2   /opt/app/bin/both-again
30 4 31 * *     /opt/app/bin/last
0 12 * JAN,Mar,nov Sun /opt/app/bin/named
0 0 * 3-11/4 *  /opt/app/bin/season
59 1 * * 0-7    /opt/app/bin/every-day
0 3 * * 5-7     /opt/app/bin/weekend
* 2 * * 0       /opt/app/bin/burst
@hourly         /opt/app/bin/hourly
@daily          /opt/app/bin/daily
@midnight       /opt/app/bin/midnight
@weekly         /opt/app/bin/weekly
@monthly        /opt/app/bin/monthly
30 8 * * 1-5    mail -s "It is half past" joe%Joe,%%Where are your kids?%
33 22 * * *     expr $(date +\%s) / 60 / 60 / 24 \% 9 > /dev/null || echo Wax the floor.
"""
LINES = read_lines(CRONTAB.encode(), Origin("crontab of root", "root", Cron.VIXIE))
PREVIEW = """
query Slots($cronExpr: String!, $timezone: String!, $from: DateTime!) {
  schedulePreview(cronExpr: $cronExpr, timezone: $timezone, from: $from, count: 100) {
    errors { message } runs { at note }
  }
}
"""
# A Monday to the Monday after it, around the change in each zone; the last has none.
WEEKS = {
    "Europe/Berlin": (datetime(2026, 3, 23, tzinfo=UTC), datetime(2026, 10, 19, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 9, 28, tzinfo=UTC)),
    "Asia/Shanghai": (datetime(2026, 12, 28, tzinfo=UTC),),
}


OTHERS = ("America/New_York", "Asia/Shanghai")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The service's API on a database of its own."""
    data: Path = tmp_path_factory.mktemp("week") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(data.parent / "config"))
        options = ("--role", "admin", "--password-stdin")
        Commands(data).output("user", "add", "alice", *options, stdin="correct horse battery\n")
        with open_api(Choice(local=True, run_as="alice", data=data)) as found:
            yield found


def list_slots(api: Api, schedule: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """What the service says that a task with this schedule is due at, after `begin` up to `end`."""
    found: list[datetime] = []
    while True:
        variables: dict[str, Any] = {"cronExpr": schedule, "timezone": zone, "from": begin.isoformat()}
        page = api.execute(PREVIEW, variables)["schedulePreview"]
        assert page["errors"] == []
        moments = [read_utc(run["at"]) for run in page["runs"] if run["note"] != "SKIPPED"]
        found += [moment for moment in moments if moment <= end]
        if len(page["runs"]) < 100 or moments[-1] >= end:
            return found
        begin = moments[-1]


def test_every_line_is_imported() -> None:
    assert len(LINES) == 35
    assert [line.fault for line in LINES if line.fault] == []
    found = [interpret(line, "root", "Europe/Berlin", 60).fields for line in LINES]
    assert all(each["command"].startswith("#!/bin/bash\n# crontab: crontab of root; line ") for each in found)
    assert [each["cronExpr"] for each in found][3:5] == ["52 6 1 * *", "5-55/10 * * * *"]


@pytest.mark.parametrize(
    "zone", [pytest.param(zone, marks=pytest.mark.thorough if zone in OTHERS else ()) for zone in WEEKS]
)
def test_a_week_s_slots_are_cron_s_own_also_over_a_clock_change(api: Api, zone: str) -> None:
    for begin in WEEKS[zone]:
        end = begin + timedelta(days=7, hours=12)
        for line in LINES:
            fields = interpret(line, "root", zone, 60).fields
            assert list_slots(api, fields["cronExpr"], zone, begin, end) == list_due(line.schedule, zone, begin, end), (
                line.text
            )
