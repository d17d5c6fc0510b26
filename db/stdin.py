"""Queries on `execution_stdin`."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from db import rows
from db.stdin_models import ExecutionStdin

stdins = rows.get_table(ExecutionStdin)
MOST_AT_ONCE = 8
"""Rows read at once: each may hold a MiB."""


def insert_sealed(conn: Connection, execution_id: int, sealed: bytes) -> None:
    conn.execute(insert(stdins), {"execution_id": execution_id, "sealed": sealed})


def load_sealed(conn: Connection, execution_id: int) -> bytes | None:
    found: bytes | None = conn.scalar(select(stdins.c.sealed).where(stdins.c.execution_id == execution_id))
    return found


def remove(conn: Connection, execution_ids: Collection[int]) -> None:
    conn.execute(delete(stdins).where(stdins.c.execution_id.in_(execution_ids)))


def list_sealed_after(conn: Connection, id: int, limit: int) -> list[Row[Any]]:
    """Return a few rows (`id`, `sealed`) of executions with an id above `id`, in order of ids."""
    query = select(stdins.c.execution_id.label("id"), stdins.c.sealed).where(stdins.c.execution_id > id)
    return list(conn.execute(query.order_by(stdins.c.execution_id).limit(min(limit, MOST_AT_ONCE))))


def replace_sealed(conn: Connection, execution_id: int, old: bytes, new: bytes) -> bool:
    """Replace the sealed input. Return False if it is gone or no longer `old`."""
    return rows.change(
        conn, ExecutionStdin, {"sealed": new}, stdins.c.execution_id == execution_id, stdins.c.sealed == old
    )
