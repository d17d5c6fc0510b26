"""The event stream as clients read it: nothing missed, nothing twice, and nothing that is not for them."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from db import event_filters
from db import events as table
from db import slots as ledger
from db.event_filters import EventFilter
from db.values import EventKind, Role, SlotOutcome, State
from resolvers import events, executions, grants, pauses, servers, tasks
from resolvers.context import Context
from resolvers.errors import CursorExpired, Invalid
from resolvers.inputs import ServerChange, TaskChange
from resolvers.paging import PageRequest
from sshcast.app import open_service
from sshcast.settings import Settings
from tests.support import rows
from tests.support.desk import NOON, Desk, at_a_desk
from tests.support.postgres import Postgres

pytestmark = pytest.mark.anyio

ALL = EventFilter()
OBJECTS = EventFilter(kinds=tuple(kind for kind in EventKind if kind != EventKind.AUDIT_RECORDED))
# How many events one round of a script leaves.
PER_ROUND = 16

Database = Callable[[], AbstractAsyncContextManager[dict[str, Any]]]
Told = tuple[str, int | None, str | None]
"""An event's kind, the id of what it is about, and the state as of the event."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(events, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(events, "BATCH", 7)


def tell(event: Any) -> Told:
    subject = event.kind.partition("-")[0]
    return event.kind, getattr(event, f"{subject}_id"), event.state


async def take(found: AsyncGenerator[Any, None], kind: EventKind) -> list[Any]:
    """The events up to the first of this kind."""
    taken = []
    async with asyncio.timeout(60):
        async for event in found:
            taken.append(event)
            if event.kind == kind:
                return taken
    raise AssertionError("the stream ended")


async def find_end(ctx: Context) -> str:
    """The cursor of the newest event."""
    page = await events.page(ctx, EventFilter(), PageRequest(last=1))
    assert page.ends is not None
    return page.ends[1]


async def list_all(ctx: Context, filter: EventFilter = ALL, after: str | None = None) -> list[Any]:
    """Every event, page by page."""
    found: list[Any] = []
    while True:
        page = await events.page(ctx, filter, PageRequest(first=9, after=after))
        found += page.rows
        if not page.has_next:
            return found
        after = page.ends[1] if page.ends else None


@dataclass(slots=True)
class Script:
    """Changes that a service makes, and the record of them that is kept aside."""

    desk: Desk
    name: str
    record: list[Told] = field(default_factory=list)

    async def play(self, rounds: int) -> None:
        for number in range(rounds):
            await self._change_objects(f"{self.name} {number} {len(self.record)}")
            await self._run()
            await self._decide_slot()

    async def delete_server(self, after: list["Script"]) -> None:
        """The last change of all."""
        done = [len(script.record) + PER_ROUND for script in after]
        while any(len(script.record) < count for script, count in zip(after, done, strict=True)):
            await self.desk.service.store.read(lambda conn: None)
        server = await self.desk.server(name="the last")
        await servers.delete(self.desk.admin, server.id)
        self.record += [("server-created", server.id, None), ("server-deleted", server.id, None)]

    async def _change_objects(self, name: str) -> None:
        server = await self.desk.server(name=name)
        task = (await self.desk.task(name=name, server_id=server.id)).task
        await tasks.update(self.desk.operator, task.id, TaskChange(command="uptime"))
        await pauses.pause(self.desk.operator, task.id)
        await pauses.resume(self.desk.operator, task.id)
        await tasks.delete(self.desk.operator, task.id)
        await servers.update(self.desk.admin, server.id, ServerChange(enabled=False))
        self.record += [("server-created", server.id, None), ("server-updated", server.id, None)]
        words = ("created", "updated", "paused", "resumed", "deleted")
        self.record += [(f"task-{word}", task.id, None) for word in words]

    async def _run(self) -> None:
        made = await executions.run_command(self.desk.operator, self.desk.command())
        cancelled = await executions.run_command(self.desk.operator, self.desk.command())
        await executions.cancel(self.desk.operator, cancelled.id)
        row = await self.desk.claimed()  # it may be that of another service
        await executions.cancel(self.desk.operator, row.id)
        await self.desk.finish(row, State.FAILED)
        self.record += [("execution-created", id, "PENDING") for id in (made.id, cancelled.id)]
        self.record.append(("execution-ended", cancelled.id, "CANCELLED"))
        self.record += [("execution-started", row.id, "RUNNING"), ("execution-cancel-requested", row.id, "RUNNING")]
        self.record.append(("execution-ended", row.id, "FAILED"))

    async def _decide_slot(self) -> None:
        task = (await self.desk.task(name=f"{self.name} slot {len(self.record)}")).task
        line = {"task_id": task.id, "slot": NOON, "outcome": SlotOutcome.WAITING, "decided_at": NOON, "open": True}

        def decide(conn: Any) -> int:
            ledger.record(conn, [line])
            (id,) = ledger.list_waiting(conn, [task.id])[task.id]
            return id

        id = await self.desk.service.store.run(decide)
        await self.desk.service.store.run(ledger.update_open, id, {"outcome": SlotOutcome.FIRED, "open": False})
        self.record.append(("task-created", task.id, None))
        self.record += [("slot-decided", id, "waiting"), ("slot-changed", id, "fired")]


@asynccontextmanager
async def serving(database: Database, template: Path, folder: Path) -> AsyncIterator[list[Desk]]:
    """Two services on one PostgreSQL database, or one on a SQLite database."""
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(database())
        first = await stack.enter_async_context(at_a_desk(template, folder, **settings))
        desks = [first]
        if settings:
            opened = await stack.enter_async_context(open_service(Settings(data=folder / "data", **settings)))
            service = replace(opened, clock=first.clock, tokens=first.service.tokens)
            desks.append(replace(first, service=service))
        yield desks


async def test_a_client_that_was_away_gets_every_event_once(database: Database, template: Path, tmp_path: Path) -> None:
    async with serving(database, template, tmp_path) as desks:
        scripts = [Script(desk, f"service {number}") for number, desk in enumerate(desks)]
        reader, filter = desks[-1].admin, OBJECTS
        start = await find_end(reader)
        async with aclosing(events.follow(reader, filter, start)) as live:
            playing = asyncio.gather(*(script.play(1) for script in scripts))
            found = [await anext(live) for _ in range(5)]
            await playing
        await asyncio.gather(*(script.play(2) for script in scripts))  # while the client is away
        async with aclosing(events.follow(reader, filter, events.encode_cursor(found[-1]))) as live:
            playing = asyncio.gather(*(script.play(1) for script in scripts), scripts[0].delete_server(after=scripts))
            found += await take(live, EventKind.SERVER_DELETED)
            await playing
        record = Counter(told for script in scripts for told in script.record)
        assert Counter(map(tell, found)) == record
        assert [row.id for row in await list_all(reader, filter, start)] == [row.id for row in found]
        assert [row.id for row in (await list_backwards(reader, filter))[: len(found)]] == [row.id for row in found][
            ::-1
        ]
        check_order([tell(row) for row in found])


async def list_backwards(ctx: Context, filter: EventFilter) -> list[Any]:
    """Every event, the newest first."""
    found: list[Any] = []
    edge: str | None = None
    while True:
        page = await events.page(ctx, filter, PageRequest(last=9, before=edge))
        found += page.rows[::-1]
        if not page.has_previous:
            return found
        edge = page.ends[0] if page.ends else None


def check_order(told: list[Told]) -> None:
    """The events of each run and slot come in the order of its life."""
    order = [str(kind) for kind in EventKind]
    for id in {id for kind, id, _ in told if kind.startswith("execution-")}:
        kinds = [kind for kind, about, _ in told if kind.startswith("execution-") and about == id]
        assert kinds == sorted(kinds, key=order.index)


async def test_a_transaction_that_is_open_for_5_seconds_loses_nothing(
    postgres: Postgres, template: Path, tmp_path: Path
) -> None:
    """It wrote an event before the others did, and commits after them: its event comes before theirs, once."""
    async with postgres.database() as url, at_a_desk(template, tmp_path, database_url=url) as desk:
        ctx, start = desk.admin, await find_end(desk.admin)
        slow = await asyncpg.connect(url)
        live = events.follow(ctx, OBJECTS, start)
        streamed = asyncio.create_task(take(live, EventKind.SERVER_DELETED))
        paged: list[Any] = []
        async with slow.transaction():
            await slow.execute("UPDATE servers SET updated_at = now() WHERE id = 1")
            await slow.execute(INSERT_RUN, NOON)
            holding = asyncio.create_task(slow.execute("SELECT pg_sleep(5)"))
            made = []
            while not holding.done():
                made.append(await executions.run_command(desk.operator, desk.command()))
                paged += await list_all(ctx, OBJECTS, events.encode_cursor(paged[-1]) if paged else start)
            assert not paged
        await servers.delete(desk.admin, (await desk.server(name="last")).id)
        paged += await list_all(ctx, OBJECTS, start)
        found = await streamed
        await live.aclose()
        await slow.close()
        assert [row.id for row in found] == [row.id for row in paged]
        assert [tell(row)[0] for row in found] == ["execution-created"] * (len(made) + 1) + [
            "server-created",
            "server-deleted",
        ]
        assert {row.execution_id for row in found} > {row.id for row in made}


INSERT_RUN = (
    "INSERT INTO task_executions"
    " (server_id, command, env, timeout_seconds, output_limit, trigger, attempt, state, fence, truncated, created_at,"
    " created_by)"
    " VALUES (1, 'true', '{}', 30, 1000, 'api', 1, 'PENDING', 0, false, $1, (SELECT min(id) FROM users))"
)


async def test_without_a_cursor_a_stream_begins_now(desk: Desk) -> None:
    known = {row.id for row in await list_all(desk.admin)}
    live = events.follow(desk.viewer, EventFilter(kinds=(EventKind.SERVER_CREATED,)))
    coming = asyncio.ensure_future(anext(live))
    made: list[int] = []
    while not coming.done():
        made.append((await desk.server(name=f"server {len(made)} more")).id)
    assert coming.result().server_id in made
    assert coming.result().id not in known
    await live.aclose()


async def test_the_actor_is_who_did_it(desk: Desk) -> None:
    made = await executions.run_command(desk.operator, desk.command())
    await executions.cancel(desk.admin, made.id)
    found = await list_all(desk.viewer, EventFilter(execution_id=made.id))
    assert [(row.kind, row.actor_id) for row in found] == [
        ("execution-created", desk.operator.require_viewer().user_id),
        ("execution-ended", desk.admin.require_viewer().user_id),
    ]


async def test_deleting_a_task_is_told_with_who_ended_its_runs(desk: Desk) -> None:
    task = (await desk.task()).task
    await desk.service.store.run(rows.pending, server_id=1, task_id=task.id)
    await tasks.delete(desk.operator, task.id)
    found = await list_all(desk.viewer, EventFilter(task_id=task.id))
    assert [row.kind for row in found] == ["task-created", "execution-created", "execution-ended", "task-deleted"]
    assert {row.actor_id for row in found if row.kind != "execution-created"} == {desk.users[Role.OPERATOR].id}


@pytest.mark.parametrize("most", [50, 0], ids=["server by server", "by a condition on each event"])
async def test_a_viewer_sees_events_of_their_servers_as_long_as_they_may(
    either_desk: Desk, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_filters, "MOST_SERVERS", most)
    desk = either_desk
    nobody, hidden = desk.as_a(Role.NONE), await desk.server(name="hidden")
    given = await grants.give(desk.admin, desk.users[Role.NONE].id, 1, None, Role.VIEWER)
    shown = await executions.run_command(desk.operator, desk.command())
    await executions.run_command(desk.operator, desk.command(server_id=hidden.id))
    assert [tell(row)[:2] for row in await list_all(nobody)] == [("server-created", 1), ("execution-created", shown.id)]
    assert not await list_all(nobody, EventFilter(server_id=hidden.id))
    assert not await list_all(nobody, EventFilter(kinds=(EventKind.AUDIT_RECORDED,)))
    page = await events.page(nobody, EventFilter(), PageRequest())
    assert await page.count() == 2
    live = events.follow(nobody, EventFilter(), await find_end(desk.admin))
    coming = asyncio.ensure_future(anext(live))
    await grants.revoke(desk.admin, given.id)
    await executions.run_command(desk.operator, desk.command())
    again = await grants.give(desk.admin, desk.users[Role.NONE].id, hidden.id, None, Role.VIEWER)
    seen = await executions.run_command(desk.operator, desk.command(server_id=hidden.id))
    assert (await coming).server_id in {1, hidden.id}
    await live.aclose()
    assert {row.server_id for row in await list_all(nobody)} == {hidden.id}
    assert (again.server_id, seen.server_id) == (hidden.id, hidden.id)


async def test_that_the_audit_grew_is_for_admins(either_desk: Desk) -> None:
    desk = either_desk
    found = {role: {row.kind for row in await list_all(desk.as_a(role))} for role in Role}
    assert EventKind.AUDIT_RECORDED in found[Role.ADMIN]
    assert all(EventKind.AUDIT_RECORDED not in found[role] for role in Role if role != Role.ADMIN)
    only = EventFilter(kinds=(EventKind.AUDIT_RECORDED,))
    assert await list_all(desk.admin, only)
    assert not await list_all(desk.operator, only)


async def test_a_cursor_older_than_what_is_kept_is_expired(either_desk: Desk) -> None:
    desk = either_desk
    old = (await list_all(desk.admin))[0]
    await desk.service.store.run(table.prune, NOON + timedelta(days=1), 1000)
    kept = await desk.server(name="later")
    cursor = events.encode_cursor(old)
    for window in ({"after": cursor}, {"last": 1, "before": cursor}):
        with pytest.raises(CursorExpired) as caught:
            await events.page(desk.admin, EventFilter(), PageRequest(**window))
        assert caught.value.field[0] in window
    with pytest.raises(CursorExpired):
        await anext(events.follow(desk.admin, EventFilter(), cursor))
    assert (await list_all(desk.viewer))[0].server_id == kept.id


async def test_a_slow_reader_whose_events_are_removed_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BATCH", 1)
    for number in range(3):
        await desk.server(name=f"server {number}")
    live = events.follow(desk.admin, EventFilter(), "e0-0")
    await anext(live)
    await desk.service.store.run(table.prune, NOON + timedelta(days=1), 1000)
    with pytest.raises(CursorExpired):
        [event async for event in live]


@pytest.mark.parametrize("cursor", ["", "x", "e1", "e1-", "o5", "e-1-1", "e1-99999999999999999999", "e١-1"])
async def test_what_is_no_cursor_is_invalid(desk: Desk, cursor: str) -> None:
    for window in ({"after": cursor}, {"before": cursor}):
        with pytest.raises(Invalid):
            await events.page(desk.viewer, EventFilter(), PageRequest(**window))  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        await anext(events.follow(desk.viewer, EventFilter(), cursor))


async def test_what_no_event_can_have_is_refused(desk: Desk) -> None:
    for filter in (EventFilter(server_id=2**63), EventFilter(fleet_run_id=0), EventFilter(kinds=("nonsense",))):
        with pytest.raises(Invalid):
            await events.page(desk.viewer, filter, PageRequest())
