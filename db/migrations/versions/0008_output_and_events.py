"""Lines of output, output limits that truncate, encodings, merged streams, and the stream of events.

Triggers write the events, so that each is in the transaction that it tells of, whichever process makes the change.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.columns import BigId, JsonText, UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BATCH = 500
NEW_INDEXES = (
    ("ix_executions_reason", "task_executions", ["reason", "id"]),
    ("ix_executions_exit", "task_executions", ["exit_code", "id"]),
    ("ix_executions_duration", "task_executions", ["duration_ms", "id"]),
    ("ix_output_lines", "output_chunks", ["execution_id", "lines_before", "position"]),
)
CHANGES = (
    "'task-created', 'task-updated', 'task-paused', 'task-resumed', 'task-deleted', 'task-policy-set',"
    " 'server-created', 'server-updated', 'server-deleted', 'server-policy-set'"
)
INSERT = (
    "INSERT INTO events (xid, at, kind, actor_id, server_id, task_id, execution_id, slot_id, audit_id, state, reason)"
)
# What each trigger writes: {xid} is the number of the transaction, 0 on SQLite, where commits follow each other.
EXECUTION_CREATED = (
    f"{INSERT} VALUES ({{xid}}, NEW.created_at, 'execution-created',"
    " CASE WHEN NEW.trigger IN ('schedule', 'retry') THEN NULL ELSE NEW.created_by END,"
    " NEW.server_id, NEW.task_id, NEW.id, NULL, NULL, NEW.state, NEW.reason);"
)
EXECUTION_CHANGED = (
    f"{INSERT} VALUES ({{xid}},"
    " CASE WHEN NEW.state = 'RUNNING' THEN COALESCE(NEW.start_time, NEW.created_at)"
    " ELSE COALESCE(NEW.end_time, NEW.created_at) END,"
    " CASE WHEN NEW.state = 'RUNNING' THEN 'execution-started' ELSE 'execution-ended' END,"
    " CASE WHEN NEW.reason = 'CANCELLED' THEN NEW.cancelled_by END,"
    " NEW.server_id, NEW.task_id, NEW.id, NULL, NULL, NEW.state, NEW.reason);"
)
EXECUTION_STOPPING = (
    f"{INSERT} VALUES ({{xid}}, NEW.cancel_at, 'execution-cancel-requested', NEW.cancelled_by,"
    " NEW.server_id, NEW.task_id, NEW.id, NULL, NULL, NEW.state, NEW.reason);"
)
SLOT_CHANGED = (
    f"{INSERT} SELECT {{xid}}, NEW.decided_at, '{{kind}}', NULL,"
    " tasks.server_id, NEW.task_id, NEW.execution_id, NEW.id, NULL, NEW.outcome, NULL"
    " FROM tasks WHERE tasks.id = NEW.task_id;"
)
OBJECT_CHANGED = (
    f"{INSERT} SELECT {{xid}}, NEW.at, NEW.kind, NEW.actor_id,"
    " CASE WHEN NEW.object_kind = 'server' THEN NEW.object_id"
    " ELSE (SELECT tasks.server_id FROM tasks WHERE tasks.id = NEW.object_id) END,"
    " CASE WHEN NEW.object_kind = 'task' THEN NEW.object_id END, NULL, NULL, NEW.id, NULL, NULL"
    f" WHERE NEW.kind IN ({CHANGES});"
)
AUDIT_RECORDED = (
    f"{INSERT} VALUES ({{xid}}, NEW.at, 'audit-recorded', NEW.actor_id, NULL, NULL, NULL, NULL, NEW.id, NULL, NULL);"
)
TRIGGERS = (
    ("events_of_new_execution", "AFTER INSERT ON task_executions", "", EXECUTION_CREATED),
    ("events_of_execution", "AFTER UPDATE OF state ON task_executions", "OLD.state <> NEW.state", EXECUTION_CHANGED),
    (
        "events_of_stop",
        "AFTER UPDATE OF cancel_at ON task_executions",
        "OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL AND NEW.state = 'RUNNING'",
        EXECUTION_STOPPING,
    ),
    ("events_of_new_slot", "AFTER INSERT ON schedule_slots", "", SLOT_CHANGED.replace("{kind}", "slot-decided")),
    (
        "events_of_slot",
        "AFTER UPDATE OF outcome ON schedule_slots",
        "OLD.outcome <> NEW.outcome",
        SLOT_CHANGED.replace("{kind}", "slot-changed"),
    ),
    ("events_of_audit", "AFTER INSERT ON audit_events", "", OBJECT_CHANGED + " " + AUDIT_RECORDED),
)


def upgrade() -> None:
    for table, column in _build_columns():
        op.add_column(table, column)
    for name, table, columns in NEW_INDEXES:
        op.create_index(name, table, columns, unique=False)
    _count_lines()
    _create_events()
    _create_triggers()


def downgrade() -> None:
    _drop_triggers()
    for table in ("events_removed", "events"):
        op.drop_table(table)
    for name, table, _ in NEW_INDEXES:
        op.drop_index(name, table_name=table)
    for table, column in reversed(_build_columns()):
        op.drop_column(table, column.name)


def _build_columns() -> list[tuple[str, sa.Column[Any]]]:
    return [
        ("servers", sa.Column("output_encoding", sa.String(length=32), server_default="utf-8", nullable=False)),
        ("tasks", sa.Column("merge_streams", sa.Boolean(), server_default=sa.false(), nullable=False)),
        ("tasks", sa.Column("on_output_limit", sa.String(length=16), server_default="stop", nullable=False)),
        ("task_executions", sa.Column("merge_streams", sa.Boolean(), server_default=sa.false(), nullable=False)),
        ("task_executions", sa.Column("on_output_limit", sa.String(length=16), server_default="stop", nullable=False)),
        ("task_executions", sa.Column("output_gap", JsonText(), nullable=True)),
        ("task_executions", sa.Column("output_lines", sa.BigInteger(), server_default="0", nullable=False)),
        ("task_executions", sa.Column("cancelled_by", sa.BigInteger(), nullable=True)),
        ("output_chunks", sa.Column("lines_before", sa.BigInteger(), server_default="0", nullable=False)),
    ]


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("xid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("server_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("execution_id", sa.BigInteger(), nullable=True),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("audit_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=True),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_order", "events", ["xid", "id"], unique=False)
    for name in ("kind", "server_id", "task_id", "execution_id"):
        op.create_index(f"ix_events_{name.removesuffix('_id')}", "events", [name, "xid", "id"], unique=False)
    op.create_table(
        "events_removed",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_triggers() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, when, condition, body in TRIGGERS:
        found = f" WHEN ({condition})" if condition else ""
        if postgres:
            text = body.replace("{xid}", "pg_current_xact_id()::text::bigint")
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {text} RETURN NULL; END $$"
            )
            op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW{found} EXECUTE FUNCTION {name}()")
        else:
            op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW{found} BEGIN {body.replace('{xid}', '0')} END")


def _drop_triggers() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, when, _, _ in reversed(TRIGGERS):
        table = when.rpartition(" ")[2]
        op.execute(f"DROP TRIGGER {name} ON {table}" if postgres else f"DROP TRIGGER {name}")
        if postgres:
            op.execute(f"DROP FUNCTION {name}()")


def _count_lines() -> None:
    """Number the lines of the output that is stored already: a batch of chunks at a time, in order."""
    conn = op.get_bind()
    batch = sa.text(
        "SELECT execution_id, position, data FROM output_chunks"
        " WHERE (execution_id, position) > (:execution, :position)"
        f" ORDER BY execution_id, position LIMIT {BATCH}"
    )
    number = sa.text(
        "UPDATE output_chunks SET lines_before = :lines WHERE execution_id = :execution AND position = :position"
    )
    total = sa.text("UPDATE task_executions SET output_lines = :lines WHERE id = :execution")
    last, lines = {"execution": -1, "position": -1}, 0
    totals: dict[int, int] = {}
    while found := conn.execute(batch, last).all():
        numbered = []
        for execution, position, data in found:
            lines = lines if execution == last["execution"] else 0
            if lines:
                numbered.append({"execution": execution, "position": position, "lines": lines})
            lines += bytes(data).count(b"\n")
            totals[execution] = lines
            last = {"execution": execution, "position": position}
        for statement, values in ((number, numbered), (total, [_build_total(*pair) for pair in totals.items()])):
            if values:
                conn.execute(statement, values)
        totals.clear()


def _build_total(execution: int, lines: int) -> dict[str, int]:
    return {"execution": execution, "lines": lines}
