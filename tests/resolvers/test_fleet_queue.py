"""A fleet run is refused as a whole if its first batch would let too much wait: in all, of a user, or for a server."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from db import rows
from db.models import TaskExecution
from db.values import Role, State
from resolvers import executions
from resolvers.context import Context, Limits
from resolvers.errors import RateLimited
from tests.support.desk import Desk
from tests.support.fleets import add_servers, count_statements, start
from tests.support.rows import as_dict

pytestmark = pytest.mark.anyio

WEB: dict[str, Any] = {"tags_all": ["web"]}


def limited(desk: Desk, **limits: Any) -> Context:
    """An operator of a service with these limits."""
    return replace(desk.operator, service=replace(desk.service, limits=Limits(**limits)))


async def add_pending(desk: Desk, server_ids: Sequence[int]) -> None:
    """One pending execution of the admin's on server 1, and one for each of these ids."""
    await executions.run_command(desk.admin, desk.command())
    (first,) = await desk.executions()

    def add(conn: Connection) -> None:
        same = {name: value for name, value in as_dict(first).items() if name not in ("id", "idempotency_key")}
        conn.execute(insert(rows.get_table(TaskExecution)), [same | {"server_id": id} for id in server_ids])

    await desk.service.store.run(add)


async def count_pending(desk: Desk) -> int:
    return sum(row.state == State.PENDING for row in await desk.executions())


async def test_servers_for_which_enough_waits_are_named_and_nothing_is_started(either_desk: Desk) -> None:
    await add_servers(either_desk, 3)
    await add_pending(either_desk, [3, 3, 4, 4, 2])
    words = "2 executions wait for each of these servers already: web-1, web-2"
    with pytest.raises(RateLimited, match=words) as caught:
        await start(either_desk, limited(either_desk, max_pending_per_server=2), **WEB)
    assert "web-1, web-2" in caught.value.chinese
    assert await count_pending(either_desk) == 6
    await start(either_desk, limited(either_desk, max_pending_per_server=3), **WEB)
    assert await count_pending(either_desk) == 9


async def test_of_many_crowded_servers_the_first_ones_are_named(desk: Desk) -> None:
    made = await add_servers(desk, 12)
    await add_pending(desk, [row.id for row in made])
    with pytest.raises(RateLimited, match=r"web-9, …\. Try") as caught:
        await start(desk, limited(desk, max_pending_per_server=1), **WEB)
    assert "web-10" not in caught.value.en


async def test_servers_of_later_batches_may_have_what_waits(desk: Desk) -> None:
    await add_servers(desk, 3)
    await add_pending(desk, [4])
    row = await start(desk, limited(desk, max_pending_per_server=1), terms={"batch_size": {"servers": 2}}, **WEB)
    assert (row.size, row.started) == (3, 2)


@pytest.mark.parametrize("limit", ["max_pending", "max_pending_per_user"])
async def test_a_batch_that_would_exceed_the_limit_of_all_or_of_the_user_is_refused(desk: Desk, limit: str) -> None:
    await add_servers(desk, 3)
    with pytest.raises(RateLimited, match="With these 3, more than 2 executions would wait"):
        await start(desk, limited(desk, **{limit: 2}), **WEB)
    assert not await desk.executions()
    await start(desk, limited(desk, **{limit: 2}), terms={"batch_size": {"servers": 2}}, **WEB)
    with pytest.raises(RateLimited, match="With these 1, more than 2"):
        await start(desk, limited(desk, **{limit: 2}), ids=[1])
    assert len(await desk.executions()) == 2


async def test_another_users_pending_executions_count_for_the_server_and_not_for_the_user(desk: Desk) -> None:
    await add_servers(desk, 2)
    await add_pending(desk, [2, 3])
    await start(desk, limited(desk, max_pending_per_user=2), **WEB)
    assert {row.created_by for row in await desk.executions()} == {
        desk.users[role].id for role in (Role.ADMIN, Role.OPERATOR)
    }


async def test_the_check_takes_as_many_statements_for_many_servers_as_for_few(either_desk: Desk) -> None:
    await add_servers(either_desk, 2)
    await add_servers(either_desk, 300, tags=["many"])
    await add_pending(either_desk, [1] * 4)
    caller = limited(either_desk, max_pending_per_server=5, max_pending=1000, max_pending_per_user=1000)
    with count_statements() as few:
        await start(either_desk, caller, **WEB)
    with count_statements() as many:
        await start(either_desk, caller, tags_all=["many"])
    assert len(many) == len(few)
