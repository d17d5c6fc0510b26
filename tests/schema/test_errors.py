"""What goes wrong on our side is masked: a code, an id to look up in our log, and nothing of the cause."""

from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from db.store import StoreUnavailable
from resolvers import users
from tests.support.listed_rows import add_executions
from tests.support.service import Running

pytestmark = pytest.mark.anyio


async def execute(api: Running, statement: str) -> None:
    await api.service.store.run(lambda conn: conn.execute(text(statement)) and None)


async def test_an_unforeseen_error_shows_an_id_and_the_log_has_the_cause(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(ctx: Any) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(users, "me", broken)
    with capture_logs() as logs:
        answer = await api.post({"query": "{ me { name } tasks { totalCount } }"}, "viewer")
    assert answer.status_code == 200
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (error,) = answer.json()["errors"]
    assert error["path"] == ["me"]
    assert error["extensions"]["code"] == "INTERNAL"
    (line,) = [log for log in logs if log.get("error_id") == error["extensions"]["errorId"]]
    assert str(line["exc_info"]) == "the secret cause"
    assert error["extensions"]["errorId"] in error["message"]


async def test_a_row_that_a_field_cannot_show_is_our_error_and_not_the_callers(fresh: Running) -> None:
    (run,) = await add_executions(fresh, 1)
    await execute(fresh, f"UPDATE task_executions SET state = 'ODD' WHERE id = {run}")
    with capture_logs() as logs:
        body = await fresh.graphql("query($id: ID!) { execution(id: $id) { id state } }", id=run)
    assert body["data"] == {"execution": None}
    assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "ODD" not in str(body)
    assert any("ODD" in str(log.get("exc_info")) for log in logs)


async def test_a_broken_table_is_our_error_for_the_field_that_needs_it(fresh: Running) -> None:
    await execute(fresh, "ALTER TABLE tasks RENAME TO gone")
    with capture_logs():
        body = await fresh.graphql("{ me { name } task(id: 1) { id } }")
    assert body["data"] == {"me": {"name": "the.operator"}, "task": None}
    assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "no such table" not in str(body)


async def test_a_database_that_is_away_is_unavailable_and_its_caller_not_an_anonymous_one(fresh: Running) -> None:
    headers = fresh.as_user("viewer")
    await fresh.service.store.close()
    with capture_logs():
        for text in ("{ __typename }", "{ me { name } }"):
            answer = await fresh.post({"query": text}, None, **headers)
            assert answer.status_code == 503
            assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}


async def test_a_database_that_goes_away_within_a_request_is_unavailable_for_its_field(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(ctx: Any) -> None:
        raise StoreUnavailable("cannot reach it at its secret address")

    monkeypatch.setattr(users, "me", away)
    with capture_logs():
        body = await api.graphql("{ me { name } }")
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "UNAVAILABLE"}
    assert "secret" not in str(body)


async def test_a_database_that_is_away_is_told_over_a_socket_too(fresh: Running) -> None:
    async with fresh.socket("viewer") as socket:
        await fresh.service.store.close()
        id = await socket.subscribe("{ me { name } }")
        message = await socket.receive()
        assert (message["id"], message["type"]) == (id, "error")
        assert message["payload"][0]["extensions"] == {"code": "UNAVAILABLE"}
        async with fresh.socket(None) as late:
            await late.send(type="connection_init", payload=fresh.as_user("viewer"))
            assert await late.closed() == (1013, "The database cannot be reached: try again shortly.")
