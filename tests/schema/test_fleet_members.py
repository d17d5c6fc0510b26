"""What became of each server of a fleet run, in the language of who asks."""

import pytest

from tests.support.rows import server
from tests.support.service import Running

pytestmark = pytest.mark.anyio

START = """mutation { startFleetRun(input: {
  work: {command: {command: "df"}}, selector: {nameContains: ""}, onRefused: SKIP}) {
  fleetRun { id } errors { message } } }"""
MEMBERS = """{ fleetRuns { nodes { members { nodes { serverId state refusal message } } } } }"""


@pytest.mark.parametrize(("language", "words"), [("en", "it is disabled"), ("zh", "服务器已停用")])
async def test_a_refusal_is_told_in_the_callers_language(fresh: Running, language: str, words: str) -> None:
    off = await fresh.service.store.run(server, enabled=False)
    assert (await fresh.data(START))["startFleetRun"]["errors"] == []
    body = (await fresh.post({"query": MEMBERS}, **{"Accept-Language": language})).json()
    assert body["data"]["fleetRuns"]["nodes"][0]["members"]["nodes"] == [
        {"serverId": "1", "state": "STARTED", "refusal": None, "message": None},
        {"serverId": str(off.id), "state": "REFUSED", "refusal": "DISABLED", "message": words},
    ]
