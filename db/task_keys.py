"""Queries on `task_keys`."""

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from db import rows
from db.task_key_models import TaskKey

task_keys = rows.get_table(TaskKey)
ONCE = {
    name: dialect.insert(task_keys).on_conflict_do_nothing(index_elements=("created_by", "key"))
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def claim(conn: Connection, user_id: int, key: str, digest: str) -> bool:
    """Insert a key, waiting for others that insert the same one. Return False if the user has it already."""
    values = {"created_by": user_id, "key": key, "digest": digest}
    return conn.execute(ONCE[conn.dialect.name], values).rowcount == 1


def record_result(conn: Connection, user_id: int, key: str, task_id: int, execution_id: int | None) -> None:
    """Store what was created under a key that this transaction claimed."""
    values = {"task_id": task_id, "execution_id": execution_id}
    rows.change(conn, TaskKey, values, task_keys.c.created_by == user_id, task_keys.c.key == key)


def by_key(conn: Connection, user_id: int, key: str) -> TaskKey | None:
    return rows.find_first(conn, TaskKey, task_keys.c.created_by == user_id, task_keys.c.key == key)
