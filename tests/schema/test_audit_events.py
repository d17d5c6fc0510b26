"""The audit over GraphQL: pages for admins, and a trail that misses nothing."""

import json
from typing import Any

import pytest
from sqlalchemy import String

from db.audit import audit_events
from db.values import AuditKind, ObjectKind
from schema.audit import AuditFilterInput
from tests.support.listed_rows import add_tasks
from tests.support.service import Running

pytestmark = pytest.mark.anyio

FIELDS = "id at kind actorId actor address objectKind objectId before after previous hash"
PAGE = f"""query($filter: AuditEventFilter, $first: Int, $after: String) {{
  auditEvents(filter: $filter, first: $first, after: $after) {{ totalCount nodes {{ {FIELDS} }}
    pageInfo {{ endCursor hasNextPage }} }} }}"""
TRAIL = "subscription($after: ID) { auditTrail(after: $after) { id kind } }"
ENABLE = "mutation($i: SetTaskEnabledInput!) { setTaskEnabled(input: $i) { errors { message } } }"


async def switched(api: Running, times: int) -> int:
    """A task that was switched so many times: its id."""
    (id,) = await add_tasks(api, 1)
    for number in range(times):
        await api.data(ENABLE, i={"id": str(id), "enabled": bool(number % 2)})
    return id


async def page(api: Running, **variables: Any) -> Any:
    return (await api.data(PAGE, "admin", **variables))["auditEvents"]


async def test_an_event_says_who_did_what_from_where_with_before_and_after(api: Running) -> None:
    id = await switched(api, 1)
    (event,) = (await page(api, filter={"objectKind": "TASK", "objectId": str(id)}))["nodes"]
    assert (event["kind"], event["actor"], event["address"]) == ("TASK_UPDATED", "the.operator", "127.0.0.1")
    assert event["actorId"] == str(api.users["operator"].id)
    assert (json.loads(event["before"]), json.loads(event["after"])) == ({"enabled": True}, {"enabled": False})
    assert event["at"].endswith("Z")
    assert len(event["hash"]) == len(event["previous"]) == 64


async def test_pages_of_events_come_newest_first_and_join_without_a_gap(api: Running) -> None:
    id = await switched(api, 5)
    which = {"objectKind": "TASK", "objectId": str(id)}
    first = await page(api, filter=which, first=3)
    rest = await page(api, filter=which, first=3, after=first["pageInfo"]["endCursor"])
    ids = [int(event["id"]) for event in first["nodes"] + rest["nodes"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), first["totalCount"], rest["pageInfo"]["hasNextPage"]) == (5, 5, False)


async def test_events_are_found_by_every_part_of_the_filter(fresh: Running) -> None:
    id = await switched(fresh, 1)
    (event,) = (await page(fresh, filter={"kinds": ["TASK_UPDATED"]}))["nodes"]
    who = str(fresh.users["operator"].id)
    parts = {
        "kinds": (["TASK_UPDATED"], ["SIGNED_IN"]),
        "actorId": (who, "99"),
        "objectKind": ("TASK", "USER"),
        "atFrom": (event["at"], "2099-01-01T00:00:00Z"),
        "atTo": (event["at"], "2000-01-01T00:00:00Z"),
    }
    for name, (matching, other) in parts.items():
        assert event in (await page(fresh, filter={name: matching}))["nodes"], name
        assert event not in (await page(fresh, filter={name: other}))["nodes"], name
    assert (await page(fresh, filter={"objectKind": "TASK", "objectId": str(id)}))["nodes"] == [event]
    assert (await page(fresh, filter={"objectKind": "TASK", "objectId": str(id + 1)}))["nodes"] == []
    assert {"kinds", "actor_id", "object_kind", "object_id", "at_from", "at_to"} == set(
        AuditFilterInput.__annotations__
    )


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"actorId": "x"}, "actorId"),
        ({"objectId": "1"}, "objectId"),
        ({"objectId": "0", "objectKind": "TASK"}, "objectId"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_by_its_name(api: Running, filter: Any, field: str) -> None:
    (error,) = (await api.graphql(PAGE, "admin", filter=filter))["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == ["filter", field]


async def test_the_trail_goes_on_where_it_is_asked_to_and_misses_nothing(fresh: Running) -> None:
    await switched(fresh, 3)
    events = (await page(fresh))["nodes"][::-1]
    rest = [event["id"] for event in events[1:]]
    async with fresh.socket("admin") as socket:
        told = socket.follow(TRAIL, after=events[0]["id"])
        assert [(await anext(told))["data"]["auditTrail"]["id"] for _ in rest] == rest
        await switched(fresh, 1)
        found = (await anext(told))["data"]["auditTrail"]
        assert (int(found["id"]), found["kind"]) == (int(events[-1]["id"]) + 1, "TASK_UPDATED")


def test_no_words_of_the_audit_are_longer_than_their_columns() -> None:
    for column, words in (("kind", AuditKind), ("object_kind", ObjectKind)):
        kind = audit_events.c[column].type
        assert isinstance(kind, String)
        assert max(map(len, words)) <= (kind.length or 0)
