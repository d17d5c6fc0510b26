"""`TaskExecution.output`: what a command said, in the answer that shows the run."""

import base64
from typing import Any

import pytest

from db.values import State, Stream
from resolvers.errors import TooLarge
from resolvers.output_slices import PART_BYTES, AnswerBudget
from tests.support.service import Running

pytestmark = pytest.mark.anyio

SLICE = "{ text base64 startCursor endCursor hasBefore hasAfter firstLine lineCount }"
RUN = f"""mutation($s: ID!, $c: String!) {{ runCommand(input: {{serverId: $s, command: $c, wait: 30}}) {{
  execution {{ state output {SLICE} tail: output(lastLines: 1) {{ text firstLine }} }} errors {{ message }} }} }}"""


async def read(api: Running, id: int, arguments: str = "") -> dict[str, Any]:
    given = f"({arguments})" if arguments else ""
    query = f"query($id: ID!) {{ execution(id: $id) {{ output{given} {SLICE} }} }}"
    found: dict[str, Any] = (await api.data(query, "viewer", id=str(id)))["execution"]["output"]
    return found


async def refuse(api: Running, id: int, arguments: str) -> dict[str, Any]:
    query = f"query($id: ID!) {{ execution(id: $id) {{ output({arguments}) {{ text }} }} }}"
    (error,) = (await api.graphql(query, "viewer", id=str(id)))["errors"]
    assert error["path"] == ["execution", "output"]
    found: dict[str, Any] = error["extensions"]
    return found


async def test_the_answer_to_a_command_carries_its_output(live: Running) -> None:
    command = "printf 'one\\n'; sleep 0.2; printf 'err\\n' >&2"
    found = (await live.data(RUN, s=str(live.server.id), c=command))["runCommand"]["execution"]
    assert found["state"] == "SUCCESS"
    assert found["output"] == {
        "text": "one\nerr\n",
        "base64": base64.b64encode(b"one\nerr\n").decode(),
        "startCursor": "o0",
        "endCursor": "o8",
        "hasBefore": False,
        "hasAfter": False,
        "firstLine": 1,
        "lineCount": 2,
    }
    assert found["tail"] == {"text": "err\n", "firstLine": 2}


async def test_parts_tell_which_stream_each_is_of_and_when_it_came(api: Running) -> None:
    run = await api.run()
    await run.write(b"one\ntw")
    await run.write(b"err\n\xe4\xb8", Stream.STDERR)
    await run.write(b"o\n")
    await run.write(b"\xad\n", Stream.STDERR)
    query = """query($id: ID!, $most: Int) { execution(id: $id) {
      output(maxBytes: $most) { text parts { stream at text } } createdAt } }"""
    for most, texts in ((100, ["one\ntw", "err\n", "o\n", "中\n"]), (8, ["one\ntw", "er"])):
        found = (await api.data(query, "viewer", id=str(run.id), most=most))["execution"]
        parts = found["output"]["parts"]
        assert [part["text"] for part in parts] == texts
        assert "".join(texts) == found["output"]["text"]
        assert [part["stream"] for part in parts] == ["STDOUT", "STDERR", "STDOUT", "STDERR"][: len(texts)]
        assert all(part["at"] >= found["createdAt"] for part in parts)


async def test_the_parts_of_an_answer_count_for_what_it_may_carry(api: Running) -> None:
    run = await api.run()
    for _ in range(9):
        await run.write(b"o" * 50)
        await run.write(b"e" * 50, Stream.STDERR)
    chosen = " ".join(f"n{n}: output {{ parts {{ text }} }}" for n in range(4))
    body = await api.data(f"query($id: ID!) {{ execution(id: $id) {{ {chosen} }} }}", "viewer", id=str(run.id))
    assert [len(body["execution"][f"n{n}"]["parts"]) for n in range(4)] == [18] * 4
    budget = AnswerBudget(left=PART_BYTES * 18)
    budget.take_parts(18)
    with pytest.raises(TooLarge):
        budget.take_parts(1)


async def test_every_argument_says_which_part(api: Running) -> None:
    run = await api.run()
    await run.write(b"one\ntwo\nsix\n")
    await run.write(b"err\n", Stream.STDERR)
    await run.end()
    found = {
        arguments: (await read(api, run.id, arguments))["text"]
        for arguments in (
            'after: "o4"',
            'before: "o4"',
            "fromLine: 2, lines: 2",
            "lastLines: 2",
            'after: "o4", maxBytes: 5',
            "stream: STDERR",
            "maxBytes: null, fromLine: 4",
        )
    }
    assert list(found.values()) == ["two\nsix\nerr\n", "one\n", "two\nsix\n", "six\nerr\n", "two\ns", "err\n", "err\n"]


async def test_what_cannot_be_asked_for_names_its_argument(api: Running) -> None:
    run = await api.run()
    await run.write(b"output")
    await run.end()
    for arguments, field in (
        ("maxBytes: 0", "maxBytes"),
        ("fromLine: -1", "fromLine"),
        ('after: "o1", lastLines: 1', "lastLines"),
        ("lastLines: 1, lines: 1", "lines"),
        ('before: "x"', "before"),
        ('after: "o7"', "after"),
    ):
        assert await refuse(api, run.id, arguments) == {"code": "INVALID", "field": [field]}, arguments


async def test_an_answer_carries_four_mib_of_output_in_all(api: Running) -> None:
    run = await api.run()
    for _ in range(17):
        await run.write(b"x" * 65_536)
    await run.end()
    aliases = " ".join(f"o{n}: output(maxBytes: {1_048_576 - n}) {{ hasAfter }}" for n in range(5))
    query = f"query($id: ID!) {{ execution(id: $id) {{ {aliases} }} }}"
    (error,) = (await api.graphql(query, "viewer", id=str(run.id)))["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["execution", "o4"], "TOO_LARGE")
    assert "at most 4194304 bytes of output" in error["message"]
    fewer = query.replace("o4: output(maxBytes: 1048572) { hasAfter }", "")
    assert len((await api.data(fewer, "viewer", id=str(run.id)))["execution"]) == 4


async def test_a_page_of_runs_shows_the_end_of_each(api: Running) -> None:
    ids = []
    for n in range(3):
        run = await api.run()
        await run.write(b"first\nlast of %d" % n)
        await run.end(State.SUCCESS)
        ids.append(str(run.id))
    query = "{ executions(first: 3) { nodes { id output(lastLines: 1) { text } } } }"
    nodes = (await api.data(query, "viewer"))["executions"]["nodes"]
    assert [node["output"]["text"] for node in nodes] == ["last of 2", "last of 1", "last of 0"]
    assert [node["id"] for node in nodes] == ids[::-1]


async def test_following_begins_with_the_newest_lines_and_goes_on_live(api: Running) -> None:
    watch = """subscription($id: ID!, $n: Int, $after: String) {
      executionOutput(executionId: $id, lastLines: $n, after: $after) { cursor ... on OutputChunk { text } } }"""
    run = await api.run()
    await run.write(b"one\ntwo\nsix\n")
    async with api.socket("viewer") as socket:
        events = socket.follow(watch, id=str(run.id), n=2)
        texts = []
        async for payload in events:
            event = payload["data"]["executionOutput"]
            if event.get("text"):
                texts.append(event["text"])
                if len(texts) == 1:
                    await run.write(b"more\n")
                    await run.end()
        assert texts == ["two\nsix\n", "more\n"]
    for given in ({"n": -1}, {"n": 1, "after": "o1"}):
        async with api.socket("viewer") as socket:
            await socket.subscribe(watch, id=str(run.id), **given)
            (error,) = (await socket.receive())["payload"]["errors"]
            assert error["extensions"] == {"code": "INVALID", "field": ["lastLines"]}
