"""The answers of a fleet run as a GraphQL client reads them: in groups, and as a stream of output or of events."""

import asyncio
from typing import Any

import pytest

from db.values import State
from tests.support.fleet_answers import answer_all, claim_all, end_run
from tests.support.rows import server
from tests.support.service import Running

pytestmark = pytest.mark.anyio

START = """mutation { startFleetRun(input: {work: {command: {command: "date"}}, selector: {nameContains: ""}}) {
  fleetRun { id } errors { message } } }"""
GROUPS = """query(
    $id: ID!, $normalize: OutputNormalization! = NONE, $first: Int, $after: String, $smallest: Boolean! = false) {
  fleetRun(id: $id) {
    outputGroups(normalize: $normalize, smallestFirst: $smallest, first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes { size state exitCode isComplete text normalizedText
        executions(first: 1) { totalCount nodes { id server { id } } pageInfo { hasNextPage endCursor } } } } } }"""
OUTPUT = """subscription($id: ID!, $after: String) { fleetRunOutput(id: $id, after: $after) {
  cursor executionId serverId stream offset text base64 execution { server { id } } server { id } } }"""
EVENTS = """subscription($id: ID!, $after: String) { fleetRunEvents(id: $id, after: $after) {
  cursor kind ... on ExecutionEvent { executionId } ... on FleetRunEvent { fleetRunId } } }"""
LIMIT = 60


async def start(api: Running) -> tuple[str, list[Any]]:
    """A fleet run on four servers, and its executions, which a runner has begun."""
    for _ in range(3):
        await api.service.store.run(server)
    made = (await api.data(START))["startFleetRun"]
    assert made["errors"] == []
    return made["fleetRun"]["id"], await claim_all(api)


def describe(row: Any) -> tuple[bytes, State, int]:
    return (b"at 12:00:0%d\n" % row.id, State.FAILED, 3) if row.server_id != 2 else (b"odd\n", State.SUCCESS, 0)


@pytest.mark.parametrize("fresh", [True, False], ids=["by plans", "by graphql-core"], indirect=True)
async def test_groups_show_their_text_their_end_and_their_executions(fresh: Running) -> None:
    id, rows = await start(fresh)
    found = (await fresh.data(GROUPS, "viewer", id=id))["fleetRun"]["outputGroups"]
    assert [(group["size"], group["isComplete"], group["text"]) for group in found["nodes"]] == [(4, False, "")]
    await answer_all(fresh, rows, describe)
    found = (await fresh.data(GROUPS, "viewer", id=id))["fleetRun"]["outputGroups"]
    assert (found["totalCount"], {group["normalizedText"] for group in found["nodes"]}) == (4, {None})
    found = (await fresh.data(GROUPS, "viewer", id=id, normalize="HOSTS_TIMES_NUMBERS"))["fleetRun"]["outputGroups"]
    large, small = found["nodes"]
    assert (large["size"], large["state"], large["exitCode"], large["isComplete"]) == (3, "FAILED", 3, True)
    assert (large["text"], large["normalizedText"]) == ("at 12:00:01\n", "at <time>\n")
    assert large["executions"]["nodes"] == [{"id": str(rows[0].id), "server": {"id": str(rows[0].server_id)}}]
    assert (large["executions"]["totalCount"], large["executions"]["pageInfo"]["hasNextPage"]) == (3, True)
    assert (small["size"], small["text"], small["state"]) == (1, "odd\n", "SUCCESS")


async def test_groups_are_given_in_pages_and_a_cursor_of_another_list_is_refused(fresh: Running) -> None:
    id, rows = await start(fresh)
    await answer_all(fresh, rows, describe)
    texts, after = set(), None
    for _ in range(4):
        page = (await fresh.data(GROUPS, id=id, first=1, after=after, smallest=True))["fleetRun"]["outputGroups"]
        texts.add(page["nodes"][0]["text"])
        after = page["pageInfo"]["endCursor"]
    assert len(texts) == 4
    assert not page["pageInfo"]["hasNextPage"]
    (error,) = (await fresh.graphql(GROUPS, id=id, after="e1-1"))["errors"]
    assert "not a cursor of output groups" in error["message"]


async def test_output_and_events_are_followed_to_the_end_and_from_a_cursor(fresh: Running) -> None:
    id, rows = await start(fresh)
    async with asyncio.timeout(LIMIT), fresh.socket("viewer") as socket:
        told = socket.follow(OUTPUT, id=id)
        coming = asyncio.ensure_future(anext(told))
        await answer_all(fresh, rows, describe)
        await end_run(fresh, int(id))
        chunks = [(await coming)["data"]["fleetRunOutput"]]
        chunks += [each["data"]["fleetRunOutput"] async for each in told]
        assert {chunk["text"] for chunk in chunks} == {describe(row)[0].decode() for row in rows}
        assert all(chunk["execution"]["server"] == chunk["server"] for chunk in chunks)
        rest = [
            each["data"]["fleetRunOutput"] async for each in socket.follow(OUTPUT, id=id, after=chunks[1]["cursor"])
        ]
        assert rest == chunks[2:]
        events = [each["data"]["fleetRunEvents"] async for each in socket.follow(EVENTS, id=id)]
        assert (events[0]["kind"], events[-1]["kind"]) == ("FLEET_RUN_CREATED", "FLEET_RUN_ENDED")
        assert len(events) == 2 + 3 * len(rows)
        rest = [
            each["data"]["fleetRunEvents"] async for each in socket.follow(EVENTS, id=id, after=events[3]["cursor"])
        ]
        assert rest == events[4:]
