"""Every execution that ends is counted once and logged once, wherever it ends: as the event stream has it."""

import io
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection, select

from db.event_models import Event
from db.restored import Restored
from db.rows import get_table
from db.values import EventKind, Overlap, Reason, State
from resolvers import restored
from runner.bus import PENDING
from runner.fleet import moves
from runner.scheduling.terms import Terms
from sshcast import logs
from tests.support import rows
from tests.support.exposition import scrape
from tests.support.ledger import Ledger, at
from tests.support.postgres import postgres
from tests.support.service import Running, running
from tests.support.stores import Database, database, template
from tests.support.waiting import until_async

__all__ = ["database", "postgres", "template"]

pytestmark = pytest.mark.anyio

events = get_table(Event)
Way = Callable[[Running], Awaitable[None]]


async def add_pending(api: Running, /, **values: Any) -> int:
    made = {"server_id": api.server.id, "created_by": api.users["operator"].id} | values
    return (await api.service.store.run(lambda conn: rows.pending(conn, **made))).id


async def change(api: Running, field: str, id: int) -> None:
    document = f"mutation ($id: ID!) {{ {field}(input: {{id: $id}}) {{ errors {{ message }} }} }}"
    assert (await api.data(document, id=str(id)))[field]["errors"] == []


async def cancel_a_waiting_run(api: Running) -> None:
    id = await add_pending(api)
    await change(api, "cancelExecution", id)
    await api.graphql("mutation ($id: ID!) { cancelExecution(input: {id: $id}) { errors { message } } }", id=str(id))


async def delete_a_task_with_two_waiting_runs(api: Running) -> None:
    values = {"server_id": api.server.id, "created_by": api.users["operator"].id}
    task = await api.service.store.run(lambda conn: rows.task(conn, **values))
    for _ in range(2):
        await add_pending(api, task_id=task.id)
    await change(api, "deleteTask", task.id)


async def make_fleet_run(api: Running, **values: Any) -> int:
    by = {"created_by": api.users["operator"].id}
    made = await api.service.store.run(lambda conn: rows.fleet_run(conn, [api.server.id], **by, **values))
    return int(made.id)


async def cancel_a_fleet_run(api: Running) -> None:
    id = await make_fleet_run(api)
    await add_pending(api, fleet_run_id=id)
    await change(api, "cancelFleetRun", id)


async def stop_a_fleet_run_after_failures(api: Running) -> None:
    id = await make_fleet_run(api, stop_after={"failures": 1})
    await add_pending(api, fleet_run_id=id, state=State.FAILED)
    await add_pending(api, fleet_run_id=id)
    await api.service.store.run(moves.advance, id, api.service.clock())


async def fire_a_slot_that_replaces_a_waiting_run(api: Running) -> None:
    ledger = Ledger(api.service.store)
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.REPLACE), next_run=at(60))
    await ledger.run_of(task)
    await ledger.fire(60)


async def pass_a_start_deadline(api: Running) -> None:
    ledger = Ledger(api.service.store)
    await ledger.task("* * * * *", Terms(start_deadline_seconds=20), next_run=at(60))
    await ledger.fire(60)
    await ledger.follow(80)
    await ledger.follow(81)


async def settle_what_was_restored(api: Running) -> None:
    await add_pending(api)
    await add_pending(api, state=State.RUNNING)
    now = api.service.clock()
    await api.service.store.run(restored.settle, Restored(now, now))


CANCELLED, LOST = (State.CANCELLED, Reason.CANCELLED), (State.FAILED, Reason.LOST)
WAYS: dict[str, tuple[Way, Counter[tuple[str, str]]]] = {
    "cancelled": (cancel_a_waiting_run, Counter([CANCELLED])),
    "task deleted": (delete_a_task_with_two_waiting_runs, Counter([CANCELLED] * 2)),
    "fleet run cancelled": (cancel_a_fleet_run, Counter([CANCELLED])),
    "fleet run stopped": (stop_a_fleet_run_after_failures, Counter([CANCELLED])),
    "replaced": (fire_a_slot_that_replaces_a_waiting_run, Counter([CANCELLED])),
    "expired": (pass_a_start_deadline, Counter([(State.FAILED, Reason.DEADLINE)])),
    "restored": (settle_what_was_restored, Counter([LOST] * 2)),
}


@pytest.fixture
def journal() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    logs.configure(stream=stream, form="json", level="info")
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[Running]:
    """A service without a runner, on either database."""
    async with database() as url:
        made: dict[str, Any] = {} if url.startswith("sqlite") else {"database_url": url}
        async with running(tmp_path / "service", **made) as found:
            yield found


@pytest.mark.parametrize("name", WAYS)
async def test_a_run_that_ends_without_a_driver_is_counted_and_logged_once(
    name: str, api: Running, journal: io.StringIO
) -> None:
    act, expected = WAYS[name]
    await act(api)
    assert await count_events(api) == expected
    assert await count_metric(api) == expected
    assert count_lines(journal) == expected


async def test_an_end_that_is_rolled_back_is_neither_counted_nor_logged(api: Running, journal: io.StringIO) -> None:
    def settle_and_fail(conn: Connection) -> None:
        now = api.service.clock()
        restored.settle(conn, Restored(now, now))
        raise ValueError("nothing of it is kept")

    await add_pending(api)
    with pytest.raises(ValueError, match="nothing of it"):
        await api.service.store.run(settle_and_fail)
    assert await count_metric(api) == Counter()
    assert count_lines(journal) == Counter()


async def test_what_is_refused_at_its_claim_and_what_is_driven_are_counted_and_logged_once_too(
    tmp_path: Path, journal: io.StringIO
) -> None:
    async with running(tmp_path, drive=True) as api:
        await add_pending(api, created_by=api.users["viewer"].id)
        await add_pending(api, command="exit 3")
        api.service.bus.hint(PENDING)

        async def have_ended() -> bool:
            return (await count_events(api)).total() == 2

        await until_async(have_ended)
        expected = Counter([(State.FAILED, Reason.NOT_ALLOWED), (State.FAILED, Reason.EXIT_STATUS)])

        async def are_counted() -> bool:
            return await count_metric(api) == expected

        await until_async(are_counted)
        assert count_lines(journal) == await count_events(api) == expected


async def count_events(api: Running) -> Counter[tuple[str, str]]:
    """The ends by state and reason, as the database's triggers noted them."""
    query = select(events.c.state, events.c.reason).where(events.c.kind == EventKind.EXECUTION_ENDED)
    found = await api.service.store.read(lambda conn: conn.execute(query).all())
    return Counter((row.state, row.reason) for row in found)


async def count_metric(api: Running) -> Counter[tuple[str, str]]:
    found, name = await scrape(api), "sshcast_runs_finished_total"
    pairs = [(state, reason) for state in State for reason in Reason]
    shown = [pair for pair in pairs if f'{name}{{reason="{pair[1]}",state="{pair[0]}"}}' in found.text]
    ended: Counter[tuple[str, str]] = Counter()
    for state, reason in shown:
        ended[state, reason] = int(found.value(name, state=state, reason=reason))
    return +ended


def count_lines(journal: io.StringIO) -> Counter[tuple[str, str]]:
    found = [json.loads(line) for line in journal.getvalue().splitlines()]
    ended = [line for line in found if line["event"] == "run ended"]
    assert len({line["execution"] for line in ended}) == len(ended)
    return Counter((line["state"], line["reason"]) for line in ended)
