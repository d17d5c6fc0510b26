"""`sshcast crontab …`: lines come as tasks in shadow, and are adopted once they are out of the crontab."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.crontab import CronHost, serving_beside_cron


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CronHost]:
    with serving_beside_cron(tmp_path_factory.mktemp("cron")) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Ground:
    """A server without imported tasks, and an empty crontab."""

    host: CronHost

    def run(self, *args: str, stdin: str = "") -> tuple[int, Any, str]:
        """The exit status, what was printed as JSON, and what was said."""
        done = self.host.remote.within("crontab", *args, "--json", stdin=stdin)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.decode()

    def bring(self, *args: str, stdin: str = "") -> tuple[int, list[dict[str, Any]]]:
        status, rows, said = self.run("import", "demo", "--yes", *args, stdin=stdin)
        assert rows is not None, said
        return status, rows

    def show(self, task: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.host.remote.output("task", "show", task, "--json"))
        return found

    def list_tasks(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.host.remote.output("task", "list", "--json"))
        return [row for row in listed if row["name"].startswith("demo:")]


@pytest.fixture
def ground(host: CronHost) -> Iterator[Ground]:
    host.write()
    found = Ground(host)
    yield found
    host.set_broken(False)
    ids = [row["id"] for row in found.list_tasks()]
    if ids:
        host.remote.output("task", "rm", *ids, "--yes")


def pick(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_dry_run_shows_each_line_with_its_meaning_and_makes_nothing(ground: Ground) -> None:
    ground.host.write("MAILTO=ops", "5 0 * * * echo hi", "@reboot /bin/true")
    status, rows, said = ground.run("import", "demo", "--dry-run", "--timezone", "Asia/Tokyo")
    assert status == 1
    assert pick(rows, "line", "action", "timezone", "id") == [
        (2, "CREATE", "Asia/Tokyo", None),
        (3, "FAILED", None, None),
    ]
    assert "00:05" in rows[0]["descriptionEn"]
    assert "when a server starts" in rows[1]["reason"]
    assert "MAILTO: no mail is sent" in said
    assert "anacron and systemd timers are not read" in said
    assert ground.list_tasks() == []


def test_nothing_is_made_without_a_word_where_there_is_nobody_to_ask(ground: Ground) -> None:
    ground.host.write("5 0 * * * echo hi")
    status, rows, said = ground.run("import", "demo")
    assert (status, rows) == (1, None)
    assert "add --yes" in said
    assert ground.list_tasks() == []


def test_lines_come_in_shadow_with_crons_terms_and_a_second_import_changes_nothing(ground: Ground) -> None:
    ground.host.write("A=1", "5 0 * * * echo one", "B=2", "HOME=/tmp", "CRON_TZ=Asia/Tokyo", "0 9 * * 1-5 echo two", "")
    status, rows = ground.bring()
    assert (status, pick(rows, "action")) == (0, [("CREATE",), ("CREATE",)])
    one, two = (ground.show(row["id"]) for row in rows)
    assert (one["scheduleMode"], one["name"], one["onOutputLimit"]) == ("SHADOW", "demo: echo one", "TRUNCATE")
    assert (one["terms"]["overlap"], one["terms"]["missed"], one["terms"]["dst"]) == ("ALLOW", "SKIP", "VIXIE")
    assert (one["envNames"], one["timeoutSeconds"]) == (["A", "SHELL"], 86_400)
    assert (two["envNames"], two["workingDir"]) == (["A", "B", "CRON_TZ", "HOME", "SHELL"], "/tmp")
    assert (two["timezone"], two["cronExpr"]) == ("Asia/Tokyo", "0 9 * * 1-5")
    before = json.loads(ground.host.remote.output("audit", "list", "-n", "100", "--json"))
    status, rows = ground.bring()
    assert (status, pick(rows, "action")) == (0, [("NONE",), ("NONE",)])
    after = json.loads(ground.host.remote.output("audit", "list", "-n", "100", "--json"))
    assert [each["kind"] for each in after if each not in before and each["objectKind"] == "TASK"] == []


def test_a_changed_line_is_shown_and_its_task_changed_only_on_a_word(ground: Ground) -> None:
    ground.host.write("A=1", "5 0 * * * echo one", "6 0 * * * echo two")
    ground.bring()
    ground.host.write("A=2", "5 1 * * * echo one", "6 0 * * * echo two")
    status, rows = ground.bring()
    assert (status, pick(rows, "action", "changes")) == (
        0,
        [("CHANGED", ["cronExpr", "env"]), ("CHANGED", ["env"])],
    )
    assert ground.show(rows[0]["id"])["cronExpr"] == "5 0 * * *"
    _, status_rows, _ = ground.run("status", "demo")
    assert pick([row for row in status_rows if row["id"]], "status") == [("DIFFERS",), ("DIFFERS",)]
    assert pick(ground.bring("--update")[1], "action") == [("UPDATE",), ("UPDATE",)]
    assert ground.show(rows[0]["id"])["cronExpr"] == "5 1 * * *"
    assert pick(ground.bring()[1], "action") == [("NONE",), ("NONE",)]


def test_equal_lines_are_two_tasks(ground: Ground) -> None:
    ground.host.write("5 0 * * * echo one", "5 0 * * * echo one")
    assert pick(ground.bring()[1], "action", "name") == [("CREATE", "demo: echo one"), ("CREATE", "demo: echo one (2)")]
    assert pick(ground.bring()[1], "action") == [("NONE",), ("NONE",)]


def test_what_the_command_policy_refuses_is_told_and_stops_no_other(ground: Ground) -> None:
    ground.host.write("5 0 * * * rm -rf /", "6 0 * * * echo one", "LD_PRELOAD=/tmp/x.so", "7 0 * * * echo two")
    status, rows = ground.bring()
    assert (status, pick(rows, "action")) == (1, [("FAILED",), ("CREATE",), ("FAILED",)])
    assert "environment variable" in rows[2]["reason"]


def test_a_run_of_the_task_has_what_cron_gives_a_command(ground: Ground) -> None:
    ground.host.write(
        "X = 'a b'",
        "TZ=Asia/Tokyo",
        r'* * * * * printf "\%s|" "$PATH" "$SHELL" "$X" "$TZ"; cat; echo done # end \%%one\% two%three\\',
    )
    (row,) = ground.bring()[1]
    done = ground.host.remote.within("task", "run", row["id"], "--wait", "--quiet")
    assert done.stdout == b"/usr/bin:/bin|/bin/sh|a b|Asia/Tokyo|one% two\nthree\\\\\ndone\n"
    ground.host.write("SHELL=/bin/bash", "PATH=/bin:/usr/bin:/opt/it's", '* * * * * echo "$BASH $PATH" ${X:-none}')
    (row,) = ground.bring()[1]
    done = ground.host.remote.within("task", "run", row["id"], "--wait", "--quiet")
    assert done.stdout == b"/bin/bash /bin:/usr/bin:/opt/it's none\n"


def test_a_file_needs_no_server_and_a_system_s_lines_of_others_are_not_imported(ground: Ground, tmp_path: Path) -> None:
    file = tmp_path / "cron.d"
    file.write_text("5 0 * * * root echo one\n6 0 * * * backup echo two\n")
    account = json.loads(ground.host.remote.output("server", "show", "demo", "--json"))["username"]
    status, rows = ground.bring("--file", str(file), "--system")
    reasons = {row["user"]: row["reason"] or "" for row in rows}
    assert status == 1
    assert f"cron runs it as backup, and the server's account is {account}" in reasons["backup"]
    assert (reasons["root"] == "") is (account == "root")
    status, rows = ground.bring("--file", "-", "--cron-user", account, stdin="7 0 * * * echo three\n")
    assert (status, pick(rows, "action", "user")) == (0, [("CREATE", account)])
    assert "cannot be read" in ground.run("import", "demo", "--file", str(tmp_path / "none"))[2]


def test_a_task_is_adopted_only_once_its_line_is_out_of_the_crontab(ground: Ground) -> None:
    ground.host.write("# first", "5 0 * * * echo one", "6 0 * * * echo two")
    one, two = (row["id"] for row in ground.bring()[1])
    status, rows, said = ground.run("adopt", one)
    assert (status, rows) == (1, [])
    assert "cron still runs it, by line 2 of crontab of" in said
    assert "5 0 * * * echo one" in said
    assert "crontab -l | sed '2s/^/# /' | crontab -" in said
    assert "cron still runs it" in ground.run("adopt", one, "--quiet")[2]
    ground.host.write("17 3 * * * echo one", "6 0 * * * echo two")
    assert ground.run("adopt", one)[0] == 1
    ground.host.write("# 5 0 * * * echo one", "6 0 * * * echo two")
    _, before, _ = ground.run("status", "demo")
    assert {row["id"]: row["status"] for row in before if row["id"]} == {one: "NOWHERE", two: "SHADOW"}
    status, rows, said = ground.run("adopt", "--server", "demo", "--all")
    assert (status, pick(rows, "id", "scheduleMode")) == (1, [(one, "ACTIVE")])
    assert rows[0]["nextRuns"][0]["slot"] > rows[0]["scheduleModeSince"]
    assert "not adopted: demo: echo two" in said
    ground.host.write("5 0 * * * echo one")
    status, after, _ = ground.run("status", "demo")
    assert (status, {row["id"]: row["status"] for row in after if row["id"]}) == (1, {one: "TWICE", two: "NOWHERE"})
    ground.host.write("")
    assert {row["id"]: row["status"] for row in ground.run("status", "demo")[1] if row["id"]}[one] == "ACTIVE"


def test_where_the_crontab_cannot_be_read_nothing_is_adopted(ground: Ground) -> None:
    ground.host.write("5 0 * * * echo one")
    (row,) = ground.bring()[1]
    ground.host.write("")
    ground.host.set_broken(True)
    status, rows, said = ground.run("adopt", row["id"])
    assert (status, rows) == (1, [])
    assert "whether cron still runs it is not known: `crontab -l` failed (you may not use this program)" in said
    assert {each["id"]: each["status"] for each in ground.run("status", "demo")[1]}[row["id"]] == "UNKNOWN"
    ground.host.remote.output("server", "set", "demo", "--disable")
    try:
        assert ground.run("adopt", row["id"])[0] != 0
    finally:
        ground.host.remote.output("server", "set", "demo", "--enable")
    assert ground.show(row["id"])["scheduleMode"] == "SHADOW"


@pytest.mark.parametrize("back", ["5 0 * * * echo one", "5 0 * * * echo one%", "5 0 * * * echo one more"])
def test_a_line_that_is_put_back_while_it_is_adopted_sends_its_task_back_into_shadow(ground: Ground, back: str) -> None:
    ground.host.write("5 0 * * * echo one", "6 0 * * * echo two")
    one, two = (row["id"] for row in ground.bring()[1])
    ground.host.write()
    ground.host.write_later(back)
    status, rows, said = ground.run("adopt", one, two)
    assert (status, pick(rows, "id", "scheduleMode")) == (1, [(two, "ACTIVE")])
    assert f"demo: echo one ({one}): its line came back while it was adopted, so it is in shadow again" in said
    assert "1 task is adopted" in said
    assert ground.show(one)["scheduleMode"] == "SHADOW"
    assert ground.run("adopt", one)[0] == 1


def test_where_nobody_can_look_once_more_the_task_is_adopted_and_that_is_told(ground: Ground) -> None:
    ground.host.write("5 0 * * * echo one")
    (row,) = ground.bring()[1]
    ground.host.write()
    ground.host.break_later()
    status, rows, said = ground.run("adopt", row["id"])
    assert (status, pick(rows, "scheduleMode")) == (1, [("ACTIVE",)])
    assert "it could not be checked that no line was put back meanwhile: whether cron still runs it" in said


def test_a_line_with_an_edited_command_holds_its_task_back_until_it_is_said_to_be_another(ground: Ground) -> None:
    ground.host.write("@daily echo one", "6 0 * * * echo two")
    one, two = (row["id"] for row in ground.bring()[1])
    ground.host.write("0 0 * * * echo one more", "6 0 * * * echo two")
    status, rows, said = ground.run("adopt", one)
    assert (status, rows) == (1, [])
    assert "cron may still run it, edited: line 1 of crontab of" in said
    assert "0 0 * * * echo one more has its schedule and no task" in said
    assert "adopt with --force" in said
    (found,) = (row for row in ground.run("status", "demo")[1] if row["id"] == one)
    assert (found["status"], "has its schedule and no task" in found["reason"]) == ("NOWHERE", True)
    status, rows, said = ground.run("adopt", one, two, "--force")
    assert (status, pick(rows, "id", "scheduleMode")) == (1, [(one, "ACTIVE")])
    assert "demo: echo two" in said
    assert "cron still runs it" in said


def test_lines_of_other_schedules_or_with_tasks_of_their_own_hold_nothing_back(ground: Ground) -> None:
    ground.host.write("5 0 * * * echo one", "5 0 * * * echo two")
    one, _ = (row["id"] for row in ground.bring()[1])
    ground.host.write("5 0 * * * echo two", "7 0 * * * echo new")
    assert ground.run("adopt", one)[0] == 0


def test_a_line_that_is_written_otherwise_and_makes_the_same_script_is_its_task_s(ground: Ground) -> None:
    ground.host.write(r"5 0 * * * date +\%s")
    (row,) = ground.bring()[1]
    ground.host.write(r"5 0 * * * date +\%s%")
    status, rows, said = ground.run("adopt", row["id"], "--force")
    assert (status, rows) == (1, [])
    assert "cron still runs it, by line 1" in said
    assert pick(ground.bring()[1], "action", "id") == [("NONE", row["id"])]


def test_two_adoptions_at_once_are_one(ground: Ground) -> None:
    ground.host.write("* * * * * echo one")
    (row,) = ground.bring()[1]
    ground.host.write("")
    with ThreadPoolExecutor(2) as pool:
        args = ("crontab", "adopt", row["id"], "--json")
        done = list(pool.map(lambda _: ground.host.remote.run(*args), range(2)))
    assert [each.returncode for each in done] == [0, 0]
    since = {json.loads(each.stdout)[0]["scheduleModeSince"] for each in done}
    assert since == {ground.show(row["id"])["scheduleModeSince"]}


def test_what_is_no_imported_task_is_not_adopted(ground: Ground) -> None:
    remote = ground.host.remote
    id = remote.output("task", "add", "demo: own", "--server", "demo", "--shadow", "--", "true")
    assert "is no task that was imported" in remote.refusal("crontab", "adopt", id)
    assert "which tasks?" in remote.refusal("crontab", "adopt")
    assert "give either tasks, or" in remote.refusal("crontab", "adopt", id, "--all")


@pytest.mark.thorough
def test_a_slot_of_crons_whose_random_delay_goes_on_at_the_adoption_is_not_run(ground: Ground) -> None:
    """With cronie's RANDOM_DELAY the scheduler comes to a slot up to a minute late: after the line was adopted."""
    ground.host.write("RANDOM_DELAY=1", *(f"* * * * * echo {number}" for number in range(4)))
    rows = ground.bring()[1]
    turn = datetime.fromtimestamp((time.time() + 2) // 60 * 60 + 60, UTC)
    ground.host.write()
    time.sleep(turn.timestamp() + 0.2 - time.time())
    assert ground.run("adopt", "--server", "demo", "--all")[0] == 0
    time.sleep(max(0, turn.timestamp() + 65 - time.time()))
    for row in rows:
        since = datetime.fromisoformat(ground.show(row["id"])["scheduleModeSince"])
        listed = json.loads(ground.host.remote.output("schedule", "ledger", "--task", row["id"], "--json"))
        outcomes = {datetime.fromisoformat(each["slot"]): each["outcome"] for each in listed}
        assert turn < since < turn + timedelta(seconds=55)
        assert outcomes[turn] == "SHADOWED"
        assert all(slot > since for slot, outcome in outcomes.items() if outcome == "FIRED")
