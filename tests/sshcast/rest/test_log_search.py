"""GET /api/task/{id}/log?search=: the lines found, the cursor to go on from, and errors in the parameters' names."""

from typing import Any

import pytest

from tests.support.rest import Face, Run

pytestmark = pytest.mark.anyio


async def search(rest: Face, run: Run, **params: Any) -> dict[str, Any]:
    answer = await rest.ask("GET", run.path, "viewer", params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_search_answers_with_the_lines_and_where_they_are(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"one\nTwo err\nthree\nfour Err\n")
    body = await search(rest, run, search="err", context=1, ignore_case="true", limit=1)
    assert body == {
        "execution_id": run.id,
        "matches": [
            {
                "line": 2,
                "stream": "stdout",
                "text": "Two err",
                "cut": False,
                "ranges": [[4, 7]],
                "before": ["one"],
                "after": ["three"],
                "start_cursor": "o4",
                "end_cursor": "o12",
            }
        ],
        "cursor": "o12",
        "complete": False,
        "scanned_bytes": 27,
    }
    rest_of_it = await search(rest, run, search="e.r$", syntax="re2", ignore_case="1", cursor=body["cursor"])
    assert [match["line"] for match in rest_of_it["matches"]] == [4]
    assert rest_of_it["complete"] is True
    shown = await rest.ask("GET", run.path, "viewer", params={"cursor": body["matches"][0]["start_cursor"]})
    assert shown.json()["output"].startswith("Two err\n")


async def test_an_empty_search_is_none(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"one\n")
    assert (await search(rest, run, search=""))["output"] == "one\n"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"search": "x" * 1001}, "search"),
        ({"search": "(", "syntax": "re2"}, "search"),
        ({"search": "x", "syntax": "perl"}, "syntax"),
        ({"search": "x", "context": "11"}, "context"),
        ({"search": "x", "limit": "0"}, "limit"),
        ({"search": "x", "cursor": "o9"}, "cursor"),
        ({"search": "x", "cursor": "nonsense"}, "cursor"),
        ({"search": "x", "tail": "3"}, "tail"),
        ({"search": "x", "follow": "true"}, "follow"),
        ({"syntax": "re2"}, "syntax"),
    ],
)
async def test_errors_name_the_parameter(rest: Face, params: dict[str, str], field: str) -> None:
    run = await rest.run()
    answer = await rest.ask("GET", run.path, "viewer", params=params)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["message"].startswith(f"{field} ")


async def test_what_the_caller_may_not_see_is_not_there(rest: Face) -> None:
    run = await rest.run()
    for id in (run.id, 999_999):
        answer = await rest.ask("GET", f"/api/task/{id}/log", "none", params={"search": "x"})
        assert answer.status_code in (403, 404)
