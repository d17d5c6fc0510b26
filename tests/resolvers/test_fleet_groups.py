"""The answers of a fleet run in groups: equal output and equal ends together, for those who may see the servers."""

from typing import Any

import pytest

from db.models import TaskExecution
from db.values import Role, State, Stream
from resolvers import fleet_groups, grants
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.fleet_groups import GroupRequest, OutputGroup
from runner.fleet.groups import Normalization
from tests.support.desk import Desk
from tests.support.fleet_answers import answer_all, claim_all, write_all
from tests.support.fleets import add_servers, count_statements, start

pytestmark = pytest.mark.anyio
WEB: dict[str, Any] = {"tags_all": ["web"]}
ODD = (17, 64, 150)


async def list_groups(ctx: Context, id: int, **more: Any) -> list[OutputGroup]:
    return list((await fleet_groups.page(ctx, id, GroupRequest(**more))).rows)


def list_ids(groups: list[OutputGroup]) -> list[list[int]]:
    return [each.group.execution_ids for each in groups]


async def test_of_200_executions_the_three_outliers_are_found(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 200)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    odd = [rows[at].id for at in ODD]
    await answer_all(desk, rows, lambda row: b"line\n" * 50 + (b"odd %d\n" % row.id if row.id in odd else b"alike\n"))
    assert [each.size for each in await list_groups(desk.viewer, run.id)] == [197, 1, 1, 1]
    assert list_ids(await list_groups(desk.viewer, run.id, smallest_first=True, first=3)) == [[id] for id in odd]


async def test_pages_of_groups_join_without_gap_or_repeat(desk: Desk) -> None:
    await add_servers(desk, 7)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    await answer_all(desk, rows, lambda row: b"%d" % ((row.id - rows[0].id) // 2))
    for smallest_first in (False, True):
        every = await list_groups(desk.viewer, run.id, smallest_first=smallest_first)
        found: list[OutputGroup] = []
        after = None
        for number in range(4):
            request = GroupRequest(first=1, after=after, smallest_first=smallest_first)
            page = await fleet_groups.page(desk.viewer, run.id, request)
            assert (page.has_next, page.has_previous, await page.count()) == (number < 3, number > 0, 4)
            found += page.rows
            after = page.cursors[-1]
        assert list_ids(found) == list_ids(every)


async def test_the_largest_group_is_first_and_of_equal_ones_that_with_the_lowest_id(desk: Desk) -> None:
    await add_servers(desk, 5)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    said = dict(zip((row.id for row in rows), (b"b", b"a", b"a", b"b", b"c"), strict=True))
    await answer_all(desk, rows, lambda row: said[row.id])
    first = rows[0].id
    assert list_ids(await list_groups(desk.viewer, run.id)) == [
        [first, first + 3],
        [first + 1, first + 2],
        [first + 4],
    ]


async def test_equal_output_with_another_end_is_another_group(desk: Desk) -> None:
    await add_servers(desk, 4)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    ends = [(State.SUCCESS, 0), (State.FAILED, 1), (State.FAILED, 2), (State.SUCCESS, 0)]
    said = {row.id: (b"same", *end) for row, end in zip(rows, ends, strict=True)}
    await answer_all(desk, rows, lambda row: said[row.id])
    found = [(each.size, each.state, each.group.exit_code) for each in await list_groups(desk.viewer, run.id)]
    assert found == [(2, State.SUCCESS, 0), (1, State.FAILED, 1), (1, State.FAILED, 2)]


async def test_executions_that_run_are_grouped_by_what_they_have_written_so_far(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 3)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    a, b, c = (row.id for row in rows)
    assert list_ids(await list_groups(desk.viewer, run.id)) == [[a, b, c]]
    await write_all(desk, [(rows[0], Stream.STDOUT, 0, b"one\r"), (rows[1], Stream.STDOUT, 0, b"one\n")])
    assert list_ids(await list_groups(desk.viewer, run.id)) == [[a, b], [c]]
    await write_all(desk, [(rows[0], Stream.STDOUT, 4, b"\ntwo"), (rows[2], Stream.STDOUT, 0, b"one\ntwo\n")])
    found = await list_groups(desk.viewer, run.id)
    assert list_ids(found) == [[a, c], [b]]
    assert not any(each.state.is_final for each in found)


async def test_one_stream_is_compared_alone_if_wanted(desk: Desk) -> None:
    await add_servers(desk, 2)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    await write_all(
        desk,
        [
            (rows[0], Stream.STDOUT, 0, b"same\n"),
            (rows[0], Stream.STDERR, 0, b"this\n"),
            (rows[1], Stream.STDERR, 0, b"that\n"),
            (rows[1], Stream.STDOUT, 0, b"same\n"),
        ],
    )
    assert [each.size for each in await list_groups(desk.viewer, run.id)] == [1, 1]
    assert [each.size for each in await list_groups(desk.viewer, run.id, stream=Stream.STDOUT)] == [2]
    assert [each.size for each in await list_groups(desk.viewer, run.id, stream=Stream.STDERR)] == [1, 1]


async def test_hosts_times_and_numbers_are_no_difference_if_wanted(desk: Desk) -> None:
    await add_servers(desk, 3)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)

    def describe(row: TaskExecution) -> bytes:
        at = row.id - rows[0].id
        return b"web-%d up since Nov %d 2026 1%d:00:07, load 0.%d%s\n" % (at, at + 1, at, at, b"!" if at == 2 else b"")

    await answer_all(desk, rows, describe)
    assert [each.size for each in await list_groups(desk.viewer, run.id)] == [1, 1, 1]
    found = await list_groups(desk.viewer, run.id, normalize=Normalization.HOSTS_TIMES_NUMBERS)
    assert [each.size for each in found] == [2, 1]
    shown = found[0].replace_names(describe(rows[0]).decode())
    assert shown == "<host> up since <time>, load <number>\n"


async def test_an_output_that_was_compared_once_is_not_read_again(desk: Desk) -> None:
    await add_servers(desk, 3)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    await answer_all(desk, rows, lambda row: b"x" * 1000)
    await list_groups(desk.viewer, run.id)
    with count_statements() as sent:
        await list_groups(desk.viewer, run.id)
    assert not [statement for statement in sent if "output_chunks" in statement]


async def test_who_sees_some_servers_gets_the_answers_of_just_those(either_desk: Desk) -> None:
    desk = either_desk
    servers = await add_servers(desk, 4)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    await answer_all(desk, rows, lambda row: b"secret" if row.server_id == servers[0].id else b"alike")
    nobody = desk.as_a(Role.NONE)
    with pytest.raises(NotFound):
        await list_groups(nobody, run.id)
    for server in servers[1:3]:
        await grants.give(desk.admin, desk.users[Role.NONE].id, server.id, None, Role.VIEWER)
    seen = [row.id for row in rows if row.server_id in (servers[1].id, servers[2].id)]
    assert list_ids(await list_groups(nobody, run.id)) == [seen]


@pytest.mark.parametrize("after", ["", "g1", "e1-1", "g1-99999999999999999999", "g1-1-1"])
async def test_what_is_no_cursor_of_groups_is_refused(desk: Desk, after: str) -> None:
    await add_servers(desk, 1)
    run = await start(desk, **WEB)
    with pytest.raises(Invalid, match="not a cursor"):
        await list_groups(desk.viewer, run.id, after=after)
