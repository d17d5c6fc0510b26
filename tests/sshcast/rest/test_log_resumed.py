"""A log that is read in parts, in whatever form and cut wherever, says what one read of it says."""

import base64
import codecs
import random
from collections.abc import Sequence
from typing import Any

import pytest

from db.values import Stream
from tests.support.rest import Face, Run
from tests.support.rest_reading import NDJSON, READERS, SSE, Got, following

pytestmark = pytest.mark.anyio

Written = Sequence[tuple[Stream, bytes]]
OUT, ERR = Stream.STDOUT, Stream.STDERR
PIECES = ["盘".encode(), "é😀".encode(), b"ok\n", b"\xff", b"\xe7\x9b", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80"]
TORN_AT_THE_END: Written = [
    (OUT, b"a\xe7"),
    (ERR, b"\xf0\x9f"),
    (OUT, b"\x9b\x98\xe7"),
    (ERR, b"\x98\x80\xf0\x9f\x98"),
    (OUT, b"\x9b"),
]


def torn(seed: int) -> Written:
    """Some of every kind of bytes on both streams, cut anywhere, one stream's pieces between the other's."""
    dice = random.Random(seed)
    left = {stream: b"".join(dice.choices(PIECES, k=4)) for stream in Stream}
    parts: list[tuple[Stream, bytes]] = []
    while any(left.values()):
        stream, size = dice.choice([stream for stream in Stream if left[stream]]), dice.randint(1, 3)
        parts.append((stream, left[stream][:size]))
        left[stream] = left[stream][size:]
    return parts


CASES: list[Written] = [TORN_AT_THE_END, *(torn(seed) for seed in range(2))]


def bytes_of(written: Written, stream: Stream) -> bytes:
    return b"".join(data for each, data in written if each is stream)


def whole(written: Written) -> dict[str, str]:
    return {stream: bytes_of(written, stream).decode("utf-8", "replace") for stream in Stream}


def after(written: Written, position: int) -> dict[str, str]:
    """What of the texts follows a place: all but what a reader up to there has been shown."""
    found, decoders = {}, {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in Stream}
    shown = dict.fromkeys(Stream, 0)
    for stream, data in written:
        shown[stream] += len(decoders[stream].decode(data[: max(0, position)]))
        position -= len(data)
    for stream in Stream:
        found[str(stream)] = whole(written)[stream][shown[stream] :]
    return found


async def written_run(rest: Face, written: Written) -> Run:
    run = await rest.run()
    for stream, data in written:
        await run.write(data, stream)
    await run.end()
    return run


async def read_events(rest: Face, run: Run, accept: str, **params: Any) -> Got:
    got = Got()
    async with following(rest, run, accept, **params) as answer:
        async for event in READERS[accept](answer):
            got.add(event)
    return got


async def page(rest: Face, run: Run, **params: Any) -> dict[str, Any]:
    answer = await rest.ask("GET", run.path, "viewer", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("written", CASES)
async def test_every_place_is_one_to_go_on_from(rest: Face, written: Written) -> None:
    run = await written_run(rest, written)
    total = sum(len(data) for _, data in written)
    for position in range(total + 1):
        cursor = f"o{position}"
        expected = after(written, position)
        accept = (SSE, NDJSON)[position % 2]
        assert (await read_events(rest, run, accept, cursor=cursor)).text == expected, (accept, cursor)
        if position < total:  # from the end on there is nothing: whoever was there has been told all of it
            found = await page(rest, run, cursor=cursor)
            assert {OUT: found["output"], ERR: found["error"]} == expected, cursor


@pytest.mark.parametrize("written", CASES)
async def test_a_reader_who_is_cut_off_after_every_event_reads_the_whole(rest: Face, written: Written) -> None:
    run, got, dice = await written_run(rest, written), Got(), random.Random(1)
    while not got.events or got.events[-1]["event"] not in ("state", "end"):
        accept = dice.choice((SSE, NDJSON))
        resumed = {} if got.cursor is None else {dice.choice(("cursor", "last_event_id")): got.cursor}
        async with following(rest, run, accept, **resumed) as answer:
            got.add(await anext(READERS[accept](answer)))
    # The state is told after all of the text: nothing of that comes once more.
    rest_of_it = await read_events(rest, run, NDJSON, cursor=got.cursor)
    assert [event["event"] for event in rest_of_it.events] == ["state", "end"]
    assert got.text == whole(written)
    assert {stream: bytes(data) for stream, data in got.data.items()} == {s: bytes_of(written, s) for s in Stream}


@pytest.mark.parametrize("written", CASES)
@pytest.mark.parametrize("params", [{}, {"wait": "1"}], ids=["page", "long poll"])
async def test_pages_of_a_run_that_goes_on_are_the_whole_when_it_has_ended(
    rest: Face, written: Written, params: dict[str, str]
) -> None:
    run, texts, data = await rest.run(), dict.fromkeys(Stream, ""), dict.fromkeys(Stream, b"")
    resumed: dict[str, str] = {"encoding": "base64"}

    async def take() -> None:
        found = await page(rest, run, **resumed)
        for stream, name in ((OUT, "output"), (ERR, "error")):
            texts[stream] += found[name]
            data[stream] += base64.b64decode(found[f"{name}_base64"])
        resumed["cursor"] = found["cursor"]

    for stream, part in written:
        await run.write(part, stream)
        await take()
    await run.end()
    resumed |= params
    await take()
    await take()  # once more than need be
    assert texts == whole(written)
    assert data == {stream: bytes_of(written, stream) for stream in Stream}


MIXED: Written = [(OUT, b"o\xe7"), (ERR, "é-err\n".encode()), (OUT, b"\x9b\x98ut\n"), (ERR, b"\xff")]


@pytest.mark.parametrize("only", [OUT, ERR, None])
@pytest.mark.parametrize("position", [0, 2, 3])
@pytest.mark.parametrize("form", ["page", "long poll", "raw", SSE, NDJSON, "last event id"])
async def test_the_stream_that_is_asked_for_is_the_one_that_comes_in_every_form(
    rest: Face, only: Stream | None, position: int, form: str
) -> None:
    run = await written_run(rest, MIXED)
    params: dict[str, Any] = {"cursor": f"o{position}"} | ({"stream": str(only)} if only else {})
    expected = {stream: text if only in (None, stream) else "" for stream, text in after(MIXED, position).items()}
    if form in ("page", "long poll"):
        found = await page(rest, run, **params, **({"wait": 1} if form == "long poll" else {}))
        assert {OUT: found["output"], ERR: found["error"]} == expected
    elif form == "raw":
        async with following(rest, run, follow="true", **params) as answer:
            data = await answer.aread()
        parts = [part for stream, part in MIXED if only in (None, stream)]
        skipped = min(position, 2) if only is OUT else max(0, position - 2) if only is ERR else position
        assert data == b"".join(parts)[skipped:]
    elif form == "last event id":
        cursor = params.pop("cursor")
        assert (await read_events(rest, run, SSE, last_event_id=cursor, **params)).text == expected
    else:
        assert (await read_events(rest, run, form, **params)).text == expected


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("value", ["STDOUT", "stdout,stderr"])
@pytest.mark.parametrize(("accept", "more"), [("*/*", {}), ("*/*", {"follow": "true"}), (SSE, {}), (NDJSON, {})])
async def test_a_stream_that_there_is_not_is_refused_by_name(
    rest: Face, method: str, value: str, accept: str, more: dict[str, str]
) -> None:
    run = await rest.run()
    answer = await rest.ask(method, run.path, params={"stream": value} | more, headers={"Accept": accept})
    assert answer.status_code == 400
    if method == "GET":
        body = answer.json()
        assert (body["error"], body["field"]) == ("INVALID", "stream")
        assert "stdout, stderr" in body["message"]


async def test_a_long_poll_for_one_stream_waits_past_what_the_other_says(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"noise", ERR)
    found = await page(rest, run, stream="stdout", wait=1)
    assert (found["output"], found["error"], found["cursor"]) == ("", "", "o5")


async def test_the_reason_is_told_whichever_stream_is_asked_for(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"oops\n", ERR)
    await run.end("TIMEOUT", "TIMEOUT", message="too long")  # type: ignore[arg-type]
    found = await page(rest, run, stream="stdout")
    assert (found["output"], found["error"]) == ("", "[sshcast] TIMEOUT: too long\n")


async def test_the_end_has_an_id_of_its_own_and_who_comes_back_with_it_is_sent_away(rest: Face) -> None:
    run = await written_run(rest, MIXED)
    got = await read_events(rest, run, SSE)
    *others, end = got.events
    assert (end["event"], end["cursor"]) == ("end", "o15")
    assert end["id"] not in {event["id"] for event in others}
    headers = {"Accept": SSE, "Last-Event-ID": end["id"]}
    for method in ("GET", "HEAD"):
        answer = await rest.ask(method, run.path, "viewer", headers=headers)
        assert (answer.status_code, answer.content, answer.headers["Cache-Control"]) == (204, b"", "no-store")
    again = await rest.ask("GET", run.path, "viewer", headers=headers | {"Last-Event-ID": others[-1]["id"]})
    assert (again.status_code, again.text.count("event: end")) == (200, 1)


async def test_the_id_of_an_end_opens_nothing_that_was_closed(rest: Face) -> None:
    run = await written_run(rest, MIXED)
    headers = {"Accept": SSE, "Last-Event-ID": "o15-end"}
    assert (await rest.ask("GET", run.path, None, headers=headers)).status_code == 401
    assert (await rest.ask("GET", "/api/task/99999999/log", "viewer", headers=headers)).status_code == 404
    shorter = await written_run(rest, MIXED[:1])
    assert (await rest.ask("GET", shorter.path, "viewer", headers=headers)).json()["field"] == "cursor"


async def test_an_end_that_is_another_runs_does_not_end_this_one(rest: Face) -> None:
    run = await rest.run()
    async with following(rest, run, SSE, last_event_id="o0-end") as answer:
        await run.write(b"a")
        await run.end()
        got = [event async for event in READERS[SSE](answer)]
    assert [event["event"] for event in got] == ["state", "chunk", "state", "end"]


@pytest.mark.parametrize("accept", [NDJSON, "*/*"])
async def test_other_forms_take_the_id_of_an_end_for_the_place_that_it_is(rest: Face, accept: str) -> None:
    run = await written_run(rest, MIXED)
    answer = await rest.ask("GET", run.path, "viewer", headers={"Accept": accept}, params={"cursor": "o15-end"})
    assert answer.status_code == 200
    assert '"chunk"' not in answer.text
