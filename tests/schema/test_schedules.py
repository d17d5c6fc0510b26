"""Schedules over the API: previews, terms, pauses, blackout windows and the ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from db import tasks
from runner import bus
from runner.scheduling.firing import fire_due
from runner.scheduling.terms import Terms
from tests.support.ledger import allowed
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

PREVIEW = """query($expr: String!, $zone: String, $count: Int, $from: DateTime, $dst: ScheduleDst, $server: ID) {
  schedulePreview(cronExpr: $expr, timezone: $zone, count: $count, from: $from, dst: $dst, serverId: $server) {
    descriptionEn descriptionZh runs { slot at local note wantedLocal blackoutUntil }
    errors { __typename code field message ... on ScheduleInvalid { position example } } } }"""
TASK = """id cronExpr enabled nextRun pausedAt pausedUntil nextRuns(count: 2) { slot at blackoutUntil }
  terms { dst overlap missed missedCap missedWindowSeconds jitterSeconds startDeadlineSeconds retryLimit
    retryDelaySeconds retryOn }"""
CREATE = f"""mutation($i: CreateTaskInput!) {{ createTask(input: $i) {{ task {{ {TASK} }} execution {{ id }}
  errors {{ code field message }} }} }}"""
UPDATE = f"mutation($i: UpdateTaskInput!) {{ updateTask(input: $i) {{ task {{ {TASK} }} errors {{ code field }} }} }}"
PAUSE = f"mutation($i: PauseTaskInput!) {{ pauseTask(input: $i) {{ task {{ {TASK} }} errors {{ code field }} }} }}"
RESUME = f"mutation($i: ResumeTaskInput!) {{ resumeTask(input: $i) {{ task {{ {TASK} }} errors {{ code field }} }} }}"
SERVER = """mutation($i: UpdateServerInput!) { updateServer(input: $i) { server { blackouts {
  start end days timezone from until reason } } errors { code field } } }"""
SLOTS = """query($id: ID!, $filter: ScheduleSlotFilter) { task(id: $id) { slots(filter: $filter) { totalCount
  nodes { slot outcome note reason decidedAt execution { id slot trigger } task { id } } } } }"""
LEDGER = """query($filter: ScheduleSlotFilter, $by: ScheduleSlotOrder, $first: Int) {
  scheduleLedger(filter: $filter, orderBy: $by, first: $first) {
    nodes { taskId slot outcome } pageInfo { hasNextPage } } }"""
EVENTS = """subscription($filter: ScheduleSlotFilter) { scheduleEvents(filter: $filter) {
  outcome executionId task { name } } }"""


@dataclass(slots=True)
class Timed:
    """A service without a runner, whose clock the test sets; it starts at a whole minute."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0))
    api: Running = field(init=False)

    def clock(self) -> datetime:
        return self.now

    def at(self, minutes: float) -> datetime:
        return self.now + timedelta(minutes=minutes)

    async def done(self, query: str, **given: Any) -> dict[str, Any]:
        (payload,) = (await self.api.data(query, "admin", i=given)).values()
        assert payload["errors"] == []
        found: dict[str, Any] = payload
        return found

    async def task(self, expr: str = "* * * * *", **given: Any) -> dict[str, Any]:
        new = {"name": "a task", "command": "df -h", "serverId": str(self.api.server.id), "cronExpr": expr}
        found: dict[str, Any] = (await self.done(CREATE, **new, **given))["task"]
        return found

    async def pass_minutes(self, minutes: float) -> None:
        """Time passes; then the scheduler comes by."""
        self.now += timedelta(minutes=minutes)
        await self.api.service.store.run(fire_due, self.now, allowed)
        self.api.service.bus.hint(bus.SLOTS)

    async def outcomes(self, task: dict[str, Any], **filter: Any) -> list[str]:
        """Newest first."""
        found = await self.api.data(SLOTS, "viewer", id=task["id"], filter=filter)
        return [node["outcome"] for node in found["task"]["slots"]["nodes"]]


@asynccontextmanager
async def timed_service(folder: Path) -> AsyncIterator[Timed]:
    found = Timed()
    async with running(folder, parts={"clock": found.clock}) as found.api:
        yield found


@pytest.fixture(scope="module")
async def timed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Timed]:
    """Shared: a test looks at its own tasks."""
    async with timed_service(tmp_path_factory.mktemp("timed")) as found:
        yield found


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Timed]:
    """Of the test's own, for one that looks at more than its own tasks."""
    async with timed_service(tmp_path) as found:
        yield found


def shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def preview(api: Running, expr: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await api.data(PREVIEW, "viewer", expr=expr, **given))["schedulePreview"]
    return found


# --- previews


async def test_a_preview_says_what_a_schedule_means_and_when_it_runs_in_both_times(api: Running) -> None:
    found = await preview(api, "30 9 * * MON-FRI", zone="Asia/Shanghai", count=2, **{"from": "2026-11-26T12:00:00Z"})
    assert found["errors"] == []
    assert found["descriptionEn"] == "At 09:30 on Monday to Friday"
    assert found["descriptionZh"] == "每周一至周五 09:30"
    assert [(run["at"], run["local"]) for run in found["runs"]] == [
        ("2026-11-27T01:30:00Z", "2026-11-27T09:30:00+08:00"),
        ("2026-11-30T01:30:00Z", "2026-11-30T09:30:00+08:00"),
    ]


@pytest.mark.parametrize(
    ("dst", "start", "expected"),
    [
        ("VIXIE", "2026-03-29T00:00:00Z", ("2026-03-29T03:00:00+02:00", "MOVED", "2026-03-29T02:30:00")),
        ("SKIP", "2026-03-29T00:00:00Z", ("2026-03-29T03:00:00+02:00", "SKIPPED", "2026-03-29T02:30:00")),
        ("TWICE", "2026-10-25T01:00:00Z", ("2026-10-25T02:30:00+01:00", "REPEATED", None)),
    ],
)
async def test_a_preview_notes_what_a_clock_change_does(
    api: Running, dst: str, start: str, expected: tuple[str, str, str | None]
) -> None:
    found = await preview(api, "30 2 * * *", zone="Europe/Berlin", count=1, dst=dst, **{"from": start})
    (run,) = found["runs"]
    assert (run["local"], run["note"], run["wantedLocal"]) == expected


async def test_a_preview_names_what_is_wrong_and_shows_a_good_one(api: Running) -> None:
    found = await preview(api, "0 25 * * *")
    (error,) = found["errors"]
    assert (error["__typename"], error["code"], error["field"]) == ("ScheduleInvalid", "SCHEDULE_INVALID", ["cronExpr"])
    assert (error["position"], found["runs"], found["descriptionEn"]) == (2, [], None)
    assert (await preview(api, error["example"]))["errors"] == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"zone": "Mars/Olympus"}, "timezone"),
        ({"server": "999999"}, "serverId"),
        ({"server": "abc"}, "serverId"),
        ({"from": "9999-01-01T00:00:00Z"}, "from"),
    ],
)
async def test_a_preview_refuses_by_name(api: Running, given: dict[str, Any], field: str) -> None:
    (error,) = (await preview(api, "* * * * *", **given))["errors"]
    assert error["field"] == [field]


async def test_a_preview_of_what_never_runs_by_itself_is_empty(api: Running) -> None:
    for expr, words in (("@manual", "Only when someone starts it"), ("@once", "Once, when it is created")):
        found = await preview(api, expr)
        assert (found["runs"], found["errors"], found["descriptionEn"]) == ([], [], words)


@pytest.mark.parametrize(
    ("expr", "example"),
    [
        ("TZ=Asia/Shanghai 0 9 * * *", "0 9 * * *"),
        ("0 0 31 2 *", "0 0 L 2 *"),
        ("＊/5　＊ ＊ ＊ ＊", "*/5 * * * *"),
        ("@at 2020-01-01T10:00:00", None),
        ("@at 2020-01-01T10:00:00Z", None),
        ("  @at   2020-01-01T10:00:00Z", None),
        ("TZ=UTC @at 2020-01-01T10:00:00Z", None),
        ("@at soon", None),
    ],
)
async def test_what_a_refusal_shows_can_be_pasted(api: Running, expr: str, example: str | None) -> None:
    (error,) = (await preview(api, expr, zone="Asia/Shanghai"))["errors"]
    assert example in (None, error["example"])
    assert error["example"] in error["message"]
    assert (await preview(api, error["example"], zone="Asia/Shanghai"))["errors"] == []


async def test_days_of_both_fields_are_described_as_they_run(api: Running) -> None:
    found = await preview(api, "0 0 1-31 * 1", count=3, **{"from": "2026-11-26T12:00:00Z"})
    assert (found["descriptionEn"], found["descriptionZh"]) == ("At 00:00 every day", "每天 00:00")
    assert [run["at"][:10] for run in found["runs"]] == ["2026-11-27", "2026-11-28", "2026-11-29"]


async def test_a_moment_in_the_past_is_refused_for_a_new_task(timed: Timed) -> None:
    past = f"@at {shown(timed.at(-1))}"
    new = {"name": "a", "command": "df", "serverId": str(timed.api.server.id), "cronExpr": past}
    (error,) = (await timed.api.data(CREATE, i=new))["createTask"]["errors"]
    assert (error["code"], error["field"]) == ("SCHEDULE_INVALID", ["cronExpr"])
    task = await timed.task(f"@at {shown(timed.at(1))}")
    await timed.pass_minutes(2)
    assert await timed.outcomes(task) == ["FIRED"]
    await timed.done(UPDATE, id=task["id"], name="renamed", enabled=True)


# --- terms


async def test_a_new_task_has_the_usual_terms_and_an_update_changes_what_it_names(timed: Timed) -> None:
    task = await timed.task()
    assert task["terms"] == {
        "dst": "VIXIE",
        "overlap": "ALLOW",
        "missed": "LATEST",
        "missedCap": 100,
        "missedWindowSeconds": 86400,
        "jitterSeconds": 0,
        "startDeadlineSeconds": None,
        "retryLimit": 0,
        "retryDelaySeconds": 30,
        "retryOn": ["UNREACHABLE"],
    }
    chosen = {"overlap": "QUEUE", "retryLimit": 3, "retryOn": ["LOST", "UNREACHABLE"], "startDeadlineSeconds": 60}
    after = (await timed.done(UPDATE, id=task["id"], terms=chosen))["task"]["terms"]
    assert after == task["terms"] | chosen
    again = (await timed.done(UPDATE, id=task["id"], terms={"startDeadlineSeconds": None}))["task"]["terms"]
    assert again == after | {"startDeadlineSeconds": None}


async def test_jitter_moves_next_run_by_the_tasks_own_offset_and_back_again(timed: Timed) -> None:
    task = await timed.task("0 0 * * *", terms={"jitterSeconds": 3600})
    offset = Terms(jitter_seconds=3600).offset(int(task["id"]))
    slot, at = (datetime.fromisoformat(task["nextRuns"][0][name]) for name in ("slot", "at"))
    assert (slot.hour, slot.minute, at - slot) == (0, 0, offset)
    assert task["nextRun"] == task["nextRuns"][0]["at"]
    plain = (await timed.done(UPDATE, id=task["id"], terms={"jitterSeconds": 0}))["task"]
    assert plain["nextRun"] == shown(slot)


async def test_an_interval_keeps_its_beat_when_only_its_terms_change(timed: Timed) -> None:
    task = await timed.task("@every 10m")
    timed.now = timed.at(7)
    after = (await timed.done(UPDATE, id=task["id"], terms={"overlap": "SKIP"}))["task"]
    assert after["nextRun"] == task["nextRun"]
    anew = (await timed.done(UPDATE, id=task["id"], cronExpr="@every 9m"))["task"]
    assert anew["nextRun"] == shown(timed.at(9))


# --- the ledger


async def test_every_slot_of_a_task_can_be_looked_up_with_its_run_and_its_reason(timed: Timed) -> None:
    task = await timed.task()
    await timed.pass_minutes(1)
    await timed.pass_minutes(3)
    found = (await timed.api.data(SLOTS, "viewer", id=task["id"]))["task"]["slots"]
    assert [node["outcome"] for node in found["nodes"]] == ["FIRED", "MISSED", "MISSED", "FIRED"]
    newest, missed = found["nodes"][0], found["nodes"][1]
    assert newest["execution"] == {"id": newest["execution"]["id"], "slot": newest["slot"], "trigger": "SCHEDULE"}
    assert newest["task"] == {"id": task["id"]}
    assert missed["execution"] is None
    assert "only the latest is run" in missed["reason"]
    assert found["totalCount"] == 4
    assert await timed.outcomes(task, outcomes=["MISSED"]) == ["MISSED", "MISSED"]
    assert await timed.outcomes(task, slotFrom=shown(timed.at(0))) == ["FIRED"]
    assert await timed.outcomes(task, slotTo=shown(timed.at(-3))) == ["FIRED"]


async def test_the_ledger_holds_all_tasks_slots_and_can_be_narrowed(alone: Timed) -> None:
    first, second = await alone.task(), await alone.task("*/2 * * * *")
    await alone.pass_minutes(1)
    await alone.pass_minutes(1)
    everything = (await alone.api.data(LEDGER, "viewer"))["scheduleLedger"]["nodes"]
    assert sorted(node["taskId"] for node in everything) == sorted([first["id"]] * 2 + [second["id"]])
    by = {"field": "SLOT", "direction": "ASC"}
    oldest = (await alone.api.data(LEDGER, "viewer", by=by, first=1))["scheduleLedger"]
    assert oldest["nodes"][0]["slot"] == min(node["slot"] for node in everything)
    assert oldest["pageInfo"] == {"hasNextPage": True}
    for filter, count in (
        ({"taskId": second["id"]}, 1),
        ({"serverId": str(alone.api.server.id)}, 3),
        ({"serverId": "999999"}, 0),
        ({"outcomes": ["MISSED"]}, 0),
    ):
        assert len((await alone.api.data(LEDGER, "viewer", filter=filter))["scheduleLedger"]["nodes"]) == count


async def test_once_has_its_one_slot_when_it_is_created(timed: Timed) -> None:
    made = await timed.done(CREATE, name="once", command="df", serverId=str(timed.api.server.id), cronExpr="@once")
    found = (await timed.api.data(SLOTS, "viewer", id=made["task"]["id"]))["task"]["slots"]["nodes"]
    assert [(node["outcome"], node["slot"]) for node in found] == [("FIRED", shown(timed.now))]
    assert found[0]["execution"]["id"] == made["execution"]["id"]


async def test_decisions_are_told_as_they_are_made(timed: Timed) -> None:
    task = await timed.task()
    async with timed.api.socket("viewer") as socket:
        events = socket.follow(EVENTS, filter={"taskId": task["id"]})
        first = asyncio.ensure_future(anext(events))
        while not first.done():
            await timed.pass_minutes(1)
            await asyncio.wait([first], timeout=0.2)
        event = (await first)["data"]["scheduleEvents"]
    assert (event["outcome"], event["task"]) == ("FIRED", {"name": "a task"})
    assert event["executionId"] is not None


async def test_what_was_due_is_decided_before_its_schedule_is_changed(timed: Timed) -> None:
    for change in ({"cronExpr": "0 0 1 1 *"}, {"enabled": False}, {"terms": {"overlap": "SKIP"}}):
        task = await timed.task()
        timed.now = timed.at(1)
        await timed.done(UPDATE, id=task["id"], **change)
        assert await timed.outcomes(task) == ["FIRED"], change
        await timed.done(UPDATE, id=task["id"], enabled=False)


# --- pauses


async def test_a_paused_task_skips_its_slots_until_it_is_resumed(timed: Timed) -> None:
    task = await timed.task()
    paused = (await timed.done(PAUSE, id=task["id"]))["task"]
    assert (paused["pausedAt"], paused["pausedUntil"], paused["nextRuns"]) == (shown(timed.now), None, [])
    await timed.pass_minutes(1)
    await timed.pass_minutes(1)
    resumed = (await timed.done(RESUME, id=task["id"]))["task"]
    assert (resumed["pausedAt"], len(resumed["nextRuns"])) == (None, 2)
    await timed.pass_minutes(1)
    assert await timed.outcomes(task) == ["FIRED", "SKIPPED_PAUSED", "SKIPPED_PAUSED"]


async def test_a_pause_with_an_end_shows_what_comes_after_it(timed: Timed) -> None:
    task = await timed.task()
    until = timed.at(10)
    paused = (await timed.done(PAUSE, id=task["id"], until=shown(until)))["task"]
    assert (paused["pausedUntil"], paused["nextRuns"][0]["at"]) == (shown(until), shown(until))
    await timed.pass_minutes(9)
    await timed.pass_minutes(1)
    assert (await timed.outcomes(task))[:2] == ["FIRED", "SKIPPED_PAUSED"]


async def test_pausing_decides_what_was_due_before_it_and_resuming_what_was_due_within(timed: Timed) -> None:
    task = await timed.task()
    timed.now = timed.at(1)
    await timed.done(PAUSE, id=task["id"])
    timed.now = timed.at(1)
    await timed.done(RESUME, id=task["id"])
    assert await timed.outcomes(task) == ["SKIPPED_PAUSED", "FIRED"]


# --- blackout windows


async def test_a_server_keeps_its_blackout_windows_and_its_tasks_heed_them(alone: Timed) -> None:
    id = str(alone.api.server.id)
    weekly = {"start": "22:00", "end": "06:00", "days": ["FRI", "SAT"], "timezone": "Europe/Berlin", "reason": "backup"}
    once = {"from": shown(alone.now), "until": shown(alone.at(2.5))}
    kept = (await alone.done(SERVER, id=id, blackouts=[weekly, once]))["server"]["blackouts"]
    none = dict.fromkeys(("start", "end", "days", "timezone", "from", "until", "reason"))
    assert kept == [none | weekly, none | once]
    await alone.done(SERVER, id=id, blackouts=[once])
    task = await alone.task()
    assert [run["blackoutUntil"] for run in task["nextRuns"]] == [once["until"]] * 2
    for _ in range(3):
        await alone.pass_minutes(1)
    assert await alone.outcomes(task) == ["FIRED", "SKIPPED_BLACKOUT", "SKIPPED_BLACKOUT"]
    found = await preview(alone.api, "* * * * *", count=1, server=id, **{"from": once["from"]})
    assert found["runs"][0]["blackoutUntil"] == once["until"]


async def test_an_unreadable_task_can_be_looked_at_switched_off_and_corrected(timed: Timed) -> None:
    task = await timed.task()

    def break_it(conn: Connection) -> bool:
        return tasks.update(conn, int(task["id"]), {"cron_expr": "@broken"})

    await timed.api.service.store.run(break_it)
    await timed.pass_minutes(1)
    assert await timed.outcomes(task) == ["UNREADABLE"]
    off = (await timed.done(UPDATE, id=task["id"], enabled=False))["task"]
    assert (off["cronExpr"], off["nextRuns"], off["enabled"]) == ("@broken", [], False)
    again = {"id": task["id"], "enabled": True}
    (error,) = (await timed.api.data(UPDATE, i=again))["updateTask"]["errors"]
    assert (error["code"], error["field"]) == ("SCHEDULE_INVALID", ["cronExpr"])
    on = (await timed.done(UPDATE, **again, cronExpr="* * * * *"))["task"]
    assert len(on["nextRuns"]) == 2
