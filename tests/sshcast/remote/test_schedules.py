"""`sshcast schedule …`: slots to come, and what happened at those that were due."""

import json
import time
from dataclasses import replace

from tests.support.remote import Remote

SECONDS = 60.0


def test_a_schedule_is_shown_in_its_zone_and_in_this_machine_s(remote: Remote) -> None:
    remote.output("task", "add", "zoned", "--server", "demo", "--cron", "30 9 * * *", "--timezone", "Europe/Berlin",
                  "--", "true")  # fmt: skip
    tokyo = replace(remote.commands, variables=remote.commands.variables | {"TZ": "Asia/Tokyo"})
    for args in (("zoned",), ("--cron", "30 9 * * *", "--timezone", "Europe/Berlin", "--from", "2026-01-10")):
        done = tokyo.run("schedule", "next", *args, "-n", "3")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.decode().splitlines()
        assert len(lines) == 3
        for line in lines:
            local, here, *_ = line.split("\t")
            assert local[11:] in ("09:30:00+01:00", "09:30:00+02:00"), line
            assert here[11:] == ("17:30:00" if local.endswith("+01:00") else "16:30:00"), line
    assert lines[0].startswith("2026-01-10 09:30:00+01:00\t2026-01-10 17:30:00")


def test_a_preview_is_described_and_marks_clock_changes(remote: Remote) -> None:
    args = ("schedule", "next", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--from", "2026-03-28T12:00Z")
    done = remote.within(*args, "-n", "1")
    assert b"moved by a clock change from" in done.stdout
    assert b"02:30" in done.stderr
    found = json.loads(remote.output(*args, "--dst", "skip", "-n", "1", "--json"))
    assert found[0]["note"] == "SKIPPED" or found[0]["local"].startswith("2026-03-30")


def test_what_is_no_schedule_is_refused(remote: Remote) -> None:
    assert "minute: '61'" in remote.refusal("schedule", "next", "--cron", "61 * * * *", status=2)
    assert "timezone" in remote.refusal("schedule", "next", "--cron", "@daily", "--timezone", "Mars", status=2)
    assert "name a task, or give a schedule" in remote.refusal("schedule", "next")
    assert "name a task, or give a schedule" in remote.refusal("schedule", "next", "1", "--cron", "@daily")
    assert "a task has its own" in remote.refusal("schedule", "next", "1", "--timezone", "UTC")
    assert "there is no task 99999" in remote.refusal("schedule", "next", "99999")


def test_a_task_that_is_never_due_says_why(remote: Remote) -> None:
    remote.output("task", "add", "idle", "--server", "demo", "--cron", "@daily", "--disabled", "--", "true")
    done = remote.within("schedule", "next", "idle")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"it is disabled, so nothing is due" in done.stderr


def test_the_ledger_tells_what_happened_at_each_slot(remote: Remote) -> None:
    remote.output("task", "add", "ticking", "--server", "demo", "--cron", "@every 1s", "--shadow", "--", "true")
    deadline = time.monotonic() + SECONDS
    while not (lines := remote.output("schedule", "ledger", "--task", "ticking", "-n", "2").splitlines()):
        assert time.monotonic() < deadline
    remote.output("task", "disable", "ticking")
    due, task, outcome = lines[0].split("\t")[:3]
    assert (task, outcome) == ("ticking", "SHADOWED")
    assert due[:2] == "20"
    found = json.loads(remote.output("schedule", "ledger", "--outcome", "shadowed", "--since", "1h", "--json"))
    assert {each["task"]["name"] for each in found} == {"ticking"}
    for options in (("--outcome", "fired"), ("--until", "1h"), ("--since", "2999-01-01")):
        assert remote.output("schedule", "ledger", "--task", "ticking", *options) == "", options
    assert "--outcome maybe: this is none of" in remote.refusal("schedule", "ledger", "--outcome", "maybe")
