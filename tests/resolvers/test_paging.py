"""Pages: by cursor and by number, within bounds, and with cursors of ours only."""

import asyncio
import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.tasks import TaskFilter
from resolvers import paging, tasks
from resolvers.errors import Invalid
from resolvers.paging import Page, PageRequest
from tests.support.desk import Desk
from tests.support.sampling import choose_count

pytestmark = pytest.mark.anyio

ORDERS = ("id", "name", "last_run", "created_at")


@pytest.fixture
async def twelve(desk: Desk) -> Desk:
    for n in range(12):
        await desk.task(name=f"task {n % 5}", cron_expr="@once" if n % 3 else "@manual")
        desk.clock.forward(1)
    return desk


async def page(desk: Desk, **request: Any) -> Page[Any]:
    return await tasks.page(desk.viewer, TaskFilter(), PageRequest(**request))


def ids(found: Page[Any]) -> list[int]:
    return [row.id for row in found.rows]


def forged(*packed: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(packed)).encode()).decode().rstrip("=")


async def test_cursors_lead_forward_and_back_through_every_row(twelve: Desk) -> None:
    for order in ORDERS:
        for descending in (False, True):
            everything = await page(twelve, first=100, order=order, descending=descending)
            assert sorted(ids(everything)) == list(range(1, 13))
            assert not everything.has_next
            assert not everything.has_previous
            for place, cursor in enumerate(everything.cursors):
                common = {"order": order, "descending": descending}
                after = await page(twelve, first=3, after=cursor, **common)
                assert ids(after) == ids(everything)[place + 1 :][:3]
                assert (after.has_previous, after.has_next) == (True, place + 4 < 12)
                before = await page(twelve, last=3, before=cursor, **common)
                assert ids(before) == ids(everything)[:place][-3:]
                assert (before.has_previous, before.has_next) == (place > 3, True)


async def test_a_cursor_of_a_row_that_has_gone_still_marks_its_place(twelve: Desk) -> None:
    found = await page(twelve, first=5, order="name")
    await tasks.delete(twelve.operator, found.rows[-1].id)
    rest = await page(twelve, first=100, order="name", after=found.cursors[-1])
    assert sorted(ids(found) + ids(rest)) == list(range(1, 13))


async def test_pages_by_number(twelve: Desk) -> None:
    assert ids(await page(twelve, page=1, page_size=5)) == [1, 2, 3, 4, 5]
    last = await page(twelve, page=3, page_size=5)
    assert (ids(last), last.has_next, last.has_previous) == ([11, 12], False, True)
    assert (last.page, last.page_size) == (3, 5)
    assert ids(await page(twelve, page=4, page_size=5)) == []
    assert len(ids(await page(twelve, page=1))) == 10
    assert ids(await page(twelve, page_size=2)) == [1, 2]


async def test_the_total_is_counted_when_it_is_asked_for(twelve: Desk) -> None:
    assert await (await page(twelve, first=1)).count() == 12


async def test_the_pages_of_several_owners_and_their_totals(twelve: Desk) -> None:
    other = await twelve.server(name="other")
    await twelve.task(server_id=other.id)
    found = await tasks.load_pages_of_servers(twelve.viewer, [other.id, 1, 99], TaskFilter(), PageRequest(first=2))
    assert [ids(each) for each in found] == [[13], [1, 2], []]
    assert [each.has_next for each in found] == [False, True, False]
    assert list(await asyncio.gather(*(each.count() for each in found))) == [1, 12, 0]


BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"first": 0}, "first"),
    ({"first": 101}, "first"),
    ({"first": -1}, "first"),
    ({"first": 2**70}, "first"),
    ({"last": 0}, "last"),
    ({"last": 101}, "last"),
    ({"first": 1, "last": 1}, "first"),
    ({"page": 0}, "page"),
    ({"page": -1}, "page"),
    ({"page": 1_000_001}, "page"),
    ({"page_size": 0}, "page_size"),
    ({"page_size": 101}, "page_size"),
    ({"page": 1, "first": 1}, "page"),
    ({"page_size": 1, "after": "x"}, "page"),
    ({"order": "command"}, "order_by"),
    ({"order": "id; DROP TABLE tasks"}, "order_by"),
    ({"order": ""}, "order_by"),
]


@pytest.mark.parametrize(("request_", "field"), BAD_REQUESTS)
def test_what_is_out_of_bounds_is_refused_by_name(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        paging.build_window(PageRequest(**request_), ORDERS)
    assert caught.value.field == (field,)


FORGED: list[tuple[str, str]] = [
    ("id", ""),
    ("id", "x"),
    ("id", "%%%"),
    ("id", "é"),
    ("id", "\ud800"),
    ("id", "A" * 100_000),
    ("id", forged()),
    ("id", forged("id", "v", 1)),
    ("id", forged("id", "v", 1, 1, 1)),
    ("id", forged("-id", "v", 1, 1)),
    ("id", forged("name", "v", "a", 1)),
    ("id", forged("id", "v", 1, True)),
    ("id", forged("id", "v", 1, "1")),
    ("id", forged("id", "v", 2, 1)),
    ("id", forged("id", "v", 0, 0)),
    ("id", forged("id", "v", -1, -1)),
    ("id", forged("id", "v", 2**63, 2**63)),
    ("id", forged("id", "v", 2**64 - 1, 2**64 - 1)),
    ("id", forged("id", "v", 1e300, 1)),
    ("id", forged(["id"], "v", 1, 1)),
    ("id", base64.urlsafe_b64encode(b'{"a":1,"b":2,"c":3,"d":4}').decode()),
    ("name", forged("name", "v", 7, 1)),
    ("name", forged("name", "v", None, 1)),
    ("name", forged("name", "v", "nul\0", 1)),
    ("name", forged("name", "t", "2026-11-24T12:00:00+00:00", 1)),
    ("name", forged("name", "v", ["a"], 1)),
    ("last_run", forged("last_run", "v", "2026-11-24T12:00:00+00:00", 1)),
    ("last_run", forged("last_run", "t", "2026-11-24T12:00:00", 1)),
    ("last_run", forged("last_run", "t", "0001-01-01T00:00:00+23:59", 1)),
    ("last_run", forged("last_run", "t", "9999-12-31T23:59:59-23:59", 1)),
    ("last_run", forged("last_run", "t", "soon", 1)),
    ("last_run", forged("last_run", "t", None, 1)),
    ("last_run", forged("last_run", "t", 7, 1)),
    ("last_run", forged("last_run", "v", 7, 1)),
    ("last_run", forged("last_run", ["t"], None, 1)),
]


@pytest.mark.parametrize(("order", "cursor"), FORGED)
@pytest.mark.parametrize("edge", [("first", "after"), ("last", "before")])
def test_a_forged_cursor_is_refused_by_name(order: str, cursor: str, edge: tuple[str, str]) -> None:
    size, field = edge
    given: dict[str, Any] = {size: 10, field: cursor, "order": order}
    with pytest.raises(Invalid) as caught:
        paging.build_window(PageRequest(**given), ORDERS)
    assert caught.value.field == (field,)


async def test_a_cursor_of_another_order_or_direction_is_refused(twelve: Desk) -> None:
    cursor = (await page(twelve, first=1, order="name")).cursors[0]
    for other in ({"order": "id"}, {"order": "name", "descending": True}, {"order": "created_at"}):
        with pytest.raises(Invalid):
            await page(twelve, first=1, after=cursor, **other)


@pytest.mark.sampled
async def test_any_cursor_is_a_place_or_refused(twelve: Desk) -> None:
    cursors: set[tuple[str, str]] = set()
    words = st.none() | st.integers() | st.text() | st.floats() | st.booleans() | st.datetimes().map(str)

    @given(order=st.sampled_from(ORDERS), kind=st.sampled_from(["t", "v", "x"]), value=words, id=words, plain=st.text())
    @settings(max_examples=choose_count(80, 400), deadline=None, database=None)
    def collect(order: str, kind: str, value: Any, id: Any, plain: str) -> None:
        cursors.update(((order, plain), (order, forged(order, kind, value, id))))

    collect()
    for order, cursor in sorted(cursors):
        try:
            request = PageRequest(first=2, order=order, after=cursor)
            window = paging.build_window(request, ORDERS)
        except Invalid:
            continue
        await twelve.service.store.read(tasks.LISTING.page, TaskFilter(), window)
