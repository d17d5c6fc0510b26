"""Who may set a jump server, which chains there may be, and who reads which of them failed. On both databases."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from db import due
from db import servers as server_table
from db.audit import AuditFilter
from db.models import Server
from db.values import AuditKind, Reason, Role, State
from resolvers import audit, executions, host_keys, jumps, output, servers
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound
from resolvers.inputs import NewCredential, RunTask, ServerChange
from resolvers.output import End
from resolvers.paging import PageRequest
from runner.ssh.networks import NetworkPolicy
from runner.ssh.scan_requests import ScanRequest
from tests.support.desk import Desk
from tests.support.granting import Granting, granting

pytestmark = pytest.mark.anyio
__all__ = ["granting"]


async def make_chain(desk: Desk, length: int) -> list[int]:
    """The ids of so many new servers, each behind the one before."""
    ids: list[int] = []
    for number in range(length):
        made = await desk.server(name=f"link {number}", jump_server_id=ids[-1] if ids else None)
        ids.append(made.id)
    return ids


async def change(desk: Desk, id: int, **values: Any) -> Server:
    return await servers.update(desk.admin, id, ServerChange(**values))


async def test_a_server_keeps_its_jump_server_until_it_is_given_another_or_none(either_desk: Desk) -> None:
    first, second = await make_chain(either_desk, 2)
    assert (await servers.get(either_desk.viewer, second)).jump_server_id == first
    assert (await change(either_desk, second, jump_server_id=1)).jump_server_id == 1
    assert (await change(either_desk, second, name="renamed")).jump_server_id == 1
    assert (await change(either_desk, second, jump_server_id=None)).jump_server_id is None


async def test_the_audit_records_the_jump_server(either_desk: Desk) -> None:
    first, second = await make_chain(either_desk, 2)
    await change(either_desk, second, jump_server_id=None)
    found = await audit.page(either_desk.admin, AuditFilter(kinds=(AuditKind.SERVER_UPDATED,)), PageRequest())
    (event,) = found.rows
    assert (event.object_id, f'"jump_server_id":{first}' in str(event.before).replace(" ", "")) == (second, True)


async def test_a_chain_holds_at_most_four_jump_servers(either_desk: Desk) -> None:
    ids = await make_chain(either_desk, 5)
    with pytest.raises(Invalid, match="more than 4 jump servers") as refused:
        await either_desk.server(name="too far", jump_server_id=ids[-1])
    assert refused.value.field == ("jump_server_id",)
    with pytest.raises(Invalid, match="more than 4 jump servers"):
        await change(either_desk, ids[0], jump_server_id=1)
    await change(either_desk, ids[1], jump_server_id=1)


async def test_no_change_makes_a_circle(either_desk: Desk) -> None:
    ids = await make_chain(either_desk, 3)
    for id in ids:
        with pytest.raises(Invalid, match="reached through this server itself") as refused:
            await change(either_desk, ids[0], jump_server_id=id)
        assert refused.value.field == ("jump_server_id",)
    assert (await servers.get(either_desk.admin, ids[0])).jump_server_id is None


async def test_changes_at_once_make_no_circle_together(either_desk: Desk) -> None:
    one, two, three = [(await either_desk.server(name=f"corner {number}")).id for number in range(3)]
    changes = [change(either_desk, id, jump_server_id=jump) for id, jump in ((one, two), (two, three), (three, one))]
    found = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(isinstance(each, Invalid) for each in found) == [False, False, True]


async def test_a_jump_server_that_does_not_exist_or_is_deleted_is_not_found(either_desk: Desk) -> None:
    (gone,) = await make_chain(either_desk, 1)
    await servers.delete(either_desk.admin, gone)
    for id in (gone, 999):
        with pytest.raises(NotFound) as refused:
            await change(either_desk, 1, jump_server_id=id)
        assert refused.value.field == ("jump_server_id",)
    with pytest.raises(Invalid) as invalid:
        await change(either_desk, 1, jump_server_id=0)
    assert invalid.value.field == ("jump_server_id",)


async def test_a_server_that_others_jump_through_is_not_deleted_and_some_are_named(either_desk: Desk) -> None:
    for number in range(4):
        await either_desk.server(name=f"behind {number}", jump_server_id=1)
    with pytest.raises(Conflict) as refused:
        await servers.delete(either_desk.admin, 1)
    assert "behind 0, behind 1, behind 2 and others" in refused.value.en
    assert "behind 0, behind 1, behind 2 等" in refused.value.chinese
    for id in range(2, 6):
        await servers.delete(either_desk.admin, id)
    await servers.delete(either_desk.admin, 1)


async def test_deleting_a_server_while_another_is_put_behind_it_leaves_no_server_behind_a_deleted_one(
    either_desk: Desk,
) -> None:
    (jump,) = await make_chain(either_desk, 1)
    await asyncio.gather(
        change(either_desk, 1, jump_server_id=jump), servers.delete(either_desk.admin, jump), return_exceptions=True
    )
    left = await either_desk.service.store.read(server_table.by_id, jump)
    assert ((await servers.get(either_desk.admin, 1)).jump_server_id == jump) == (left is not None)


async def test_disabling_a_jump_server_stops_new_runs_and_slots_of_all_servers_behind_it(either_desk: Desk) -> None:
    ids = await make_chain(either_desk, 5)
    created = await either_desk.task(server_id=ids[-1])
    await change(either_desk, ids[0], enabled=False)
    for asked in (
        executions.run_command(either_desk.operator, either_desk.command(server_id=ids[-1])),
        executions.run_task(either_desk.operator, RunTask(task_id=created.task.id)),
    ):
        with pytest.raises(Conflict) as refused:
            await asked
        assert refused.value.en == "A server through which link 4 is reached is disabled: an admin can enable it."
        assert refused.value.field == ("server_id",)
    assert await either_desk.service.store.read(due.list_usable_servers, [1, *ids]) == {1}
    await change(either_desk, ids[0], enabled=True)
    assert await either_desk.service.store.read(due.list_usable_servers, [1, *ids]) == {1, *ids}
    row = await executions.run_command(either_desk.operator, either_desk.command(server_id=ids[-1]))
    assert row.state == State.PENDING


async def test_a_jump_server_takes_an_admin_of_both_servers(granting: Granting) -> None:
    credential = NewCredential(password="another")
    await granting.grant(Role.ADMIN, granting.here)
    behind = ServerChange(jump_server_id=2, credential=credential)
    with pytest.raises(NotFound) as unseen:
        await servers.update(granting.ctx, 1, behind)
    assert unseen.value.field == ("jump_server_id",)
    grant = await granting.grant(Role.OPERATOR, granting.there)
    with pytest.raises(Forbidden):
        await servers.update(granting.ctx, 1, behind)
    await granting.revoke(grant)
    await granting.grant(Role.ADMIN, granting.there)
    with pytest.raises(Forbidden, match="new credential"):
        await servers.update(granting.ctx, 1, ServerChange(jump_server_id=2))
    assert (await servers.update(granting.ctx, 1, behind)).jump_server_id == 2


async def test_an_address_behind_a_jump_server_is_changed_by_an_admin_of_both(granting: Granting) -> None:
    """Otherwise an admin of the one server would reach any address that the other one reaches."""
    await granting.grant(Role.ADMIN, granting.here)
    await change(granting.desk, 1, jump_server_id=2)
    elsewhere = ServerChange(host="192.0.2.1", credential=NewCredential(password="another"))
    with pytest.raises(NotFound, match="ask an admin of both") as refused:
        await servers.update(granting.ctx, 1, elsewhere)
    assert refused.value.field == ("host",)
    assert (await servers.update(granting.ctx, 1, ServerChange(max_parallel=3))).max_parallel == 3
    await granting.grant(Role.ADMIN, granting.there)
    assert (await servers.update(granting.ctx, 1, elsewhere)).host == "192.0.2.1"


async def test_host_keys_are_scanned_through_a_server_by_its_admins_only(granting: Granting) -> None:
    await granting.grant(Role.ADMIN, granting.here)
    with pytest.raises(NotFound) as refused:
        await host_keys.scan(granting.ctx, ScanRequest(host="127.0.0.1", port=22, jump_server_id=2))
    assert refused.value.field == ("jump_server_id",)


async def fail_through(granting: Granting, message: str) -> int:
    """A run on server 1 that failed with this message."""
    row = await granting.desk.claimed()
    await granting.desk.finish(row, State.FAILED, reason=Reason.UNREACHABLE, exit_code=None, message=message)
    return row.id


async def read_end(ctx: Context, id: int) -> str:
    """The message of a run as its followers are told it."""
    events = [event async for event in output.follow(ctx, id)]
    assert isinstance(events[-1], End)
    return str(events[-1].message)


async def test_who_may_not_see_a_jump_server_reads_neither_its_name_nor_its_address(granting: Granting) -> None:
    await granting.grant(Role.VIEWER, granting.here)
    told = "Jump server 1 (server): Jump server 2 (there) could not connect to secret.example port 22 (refused)."
    id = await fail_through(granting, f"its server could not be reached again ({told})")
    assert (await executions.get(granting.ctx, id)).server_id == 1
    assert await read_end(granting.desk.viewer, id) == f"its server could not be reached again ({told})"
    hidden = await read_end(granting.ctx, id)
    assert hidden == f"its server could not be reached again ({jumps.HIDDEN}"
    await granting.grant(Role.VIEWER, granting.there)
    assert told in await read_end(granting.ctx, id)


@pytest.mark.parametrize("jump_names", [False, True])
async def test_a_denied_literal_address_is_refused_behind_a_jump_server_too(desk: Desk, jump_names: bool) -> None:
    policy = NetworkPolicy.of(denied=["10.0.0.0/8"], jump_names=jump_names)
    desk.service = replace(desk.service, network_policy=policy)
    for host in ("10.0.0.1", "169.254.169.254", "0x0a000001"):
        with pytest.raises(Invalid) as refused:
            await desk.server(name="denied", host=host, jump_server_id=1)
        assert refused.value.field == ("host",)
