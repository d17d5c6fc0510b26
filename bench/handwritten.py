"""The page of `bench.api` as one would write it by hand: `python -m bench.handwritten DATABASE_URL PORT`.

Starlette, the three statements that the page takes, and orjson, on our own listener and event loop. It knows no users
and nothing of what a client selects: it is the bound of what a service of many fields can reach.
"""

import asyncio
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import orjson
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sshcast.event_loop import LOOP_FACTORY
from sshcast.http.listener import start_http_server

PATH = "/executions"
PAGE = """SELECT id, command, state, trigger, exit_code, created_at, start_time, end_time, duration_ms, stdout_bytes,
    task_id FROM task_executions ORDER BY id DESC LIMIT 101"""
TASKS = "SELECT id, name FROM tasks WHERE id {among}"
LATEST = """SELECT task_id, id, state, end_time FROM task_executions WHERE id IN (
    SELECT (SELECT max(e.id) FROM task_executions e WHERE e.task_id = t.id) FROM tasks t WHERE t.id {among})"""

Rows = Sequence[Sequence[Any]]
Ask = Callable[[str, list[int] | None], Awaitable[Rows]]
"""Gives the rows of a statement. With ids, the statement has `{among}` for the condition that an id is one of them."""


async def answer(ask: Ask) -> bytes:
    page = (await ask(PAGE, None))[:100]
    ids = sorted({row[10] for row in page if row[10] is not None})
    latest = {row[0]: {"id": str(row[1]), "state": row[2], "endTime": row[3]} for row in await ask(LATEST, ids)}
    tasks = {
        row[0]: {"id": str(row[0]), "name": row[1], "latestExecution": latest.get(row[0])}
        for row in await ask(TASKS, ids)
    }
    return orjson.dumps([build_execution(row, tasks) for row in page])


def build_execution(row: Sequence[Any], tasks: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(row[0]),
        "command": row[1],
        "state": row[2],
        "trigger": row[3],
        "exitCode": row[4],
        "createdAt": row[5],
        "startTime": row[6],
        "endTime": row[7],
        "durationMs": row[8],
        "stdoutBytes": row[9],
        "task": tasks.get(row[10]),
    }


def open_sqlite(path: str) -> Ask:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)

    async def ask(statement: str, ids: list[int] | None) -> Rows:
        among = f"IN ({','.join('?' * len(ids or ()))})"
        return connection.execute(statement.format(among=among), ids or ()).fetchall()

    return ask


async def open_postgres(url: str) -> Ask:
    pool = await asyncpg.create_pool(url, min_size=4, max_size=16)

    async def ask(statement: str, ids: list[int] | None) -> Rows:
        rows: Rows = await pool.fetch(statement.format(among="= ANY($1)"), *([] if ids is None else [ids]))
        return rows

    return ask


async def serve(url: str, port: int) -> None:
    parsed = make_url(url)
    ask = open_sqlite(parsed.database or "") if parsed.drivername == "sqlite" else await open_postgres(url)

    async def respond(request: Request) -> Response:
        return Response(await answer(ask), media_type="application/json")

    listener = socket.create_server(("127.0.0.1", port))
    async with start_http_server(Starlette(routes=[Route(PATH, respond)]), listener) as server:
        await server.stopped.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2])))
