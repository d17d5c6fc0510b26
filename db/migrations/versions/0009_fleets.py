"""Fleet runs, tasks with a selector instead of a server, parameters, and servers that are reached through others.

The triggers of executions are replaced by ones that name the fleet run, and fleet runs have events of their own.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.columns import BigId, JsonText, UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSERT = (
    "INSERT INTO events (xid, at, kind, actor_id, server_id, task_id, execution_id, slot_id, audit_id, fleet_run_id,"
    " state, reason)"
)
OLD_INSERT = INSERT.replace(" fleet_run_id,", "")
OF_EXECUTION = "NEW.server_id, NEW.task_id, NEW.id, NULL, NULL, NEW.fleet_run_id, NEW.state, NEW.reason);"
# What each trigger writes: {xid} is the number of the transaction, 0 on SQLite, where commits follow each other.
EXECUTION_CREATED = (
    f"{INSERT} VALUES ({{xid}}, NEW.created_at, 'execution-created',"
    f" CASE WHEN NEW.trigger IN ('schedule', 'retry') THEN NULL ELSE NEW.created_by END, {OF_EXECUTION}"
)
EXECUTION_CHANGED = (
    f"{INSERT} VALUES ({{xid}},"
    " CASE WHEN NEW.state = 'RUNNING' THEN COALESCE(NEW.start_time, NEW.created_at)"
    " ELSE COALESCE(NEW.end_time, NEW.created_at) END,"
    " CASE WHEN NEW.state = 'RUNNING' THEN 'execution-started' ELSE 'execution-ended' END,"
    f" CASE WHEN NEW.reason = 'CANCELLED' THEN NEW.cancelled_by END, {OF_EXECUTION}"
)
EXECUTION_STOPPING = (
    f"{INSERT} VALUES ({{xid}}, NEW.cancel_at, 'execution-cancel-requested', NEW.cancelled_by, {OF_EXECUTION}"
)
OF_FLEET_RUN = "NULL, NEW.task_id, NULL, NULL, NULL, NEW.id, NEW.state, NEW.reason);"
FLEET_RUN_CREATED = (
    f"{INSERT} VALUES ({{xid}}, NEW.created_at, 'fleet-run-created',"
    f" CASE WHEN NEW.trigger = 'schedule' THEN NULL ELSE NEW.created_by END, {OF_FLEET_RUN}"
)
FLEET_RUN_STOPPING = (
    f"{INSERT} VALUES ({{xid}}, NEW.cancel_at, 'fleet-run-cancel-requested', NEW.cancelled_by, {OF_FLEET_RUN}"
)
FLEET_RUN_ENDED = (
    f"{INSERT} VALUES ({{xid}}, COALESCE(NEW.end_time, NEW.created_at), 'fleet-run-ended',"
    f" CASE WHEN NEW.reason = 'CANCELLED' THEN NEW.cancelled_by END, {OF_FLEET_RUN}"
)
OF_EXECUTIONS = (
    ("events_of_new_execution", "AFTER INSERT ON task_executions", "", EXECUTION_CREATED),
    ("events_of_execution", "AFTER UPDATE OF state ON task_executions", "OLD.state <> NEW.state", EXECUTION_CHANGED),
    (
        "events_of_stop",
        "AFTER UPDATE OF cancel_at ON task_executions",
        "OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL AND NEW.state = 'RUNNING'",
        EXECUTION_STOPPING,
    ),
)
OF_FLEET_RUNS = (
    ("events_of_new_fleet_run", "AFTER INSERT ON fleet_runs", "", FLEET_RUN_CREATED),
    ("events_of_fleet_run", "AFTER UPDATE OF state ON fleet_runs", "OLD.state <> NEW.state", FLEET_RUN_ENDED),
    (
        "events_of_fleet_run_stop",
        "AFTER UPDATE OF cancel_at ON fleet_runs",
        "OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL",
        FLEET_RUN_STOPPING,
    ),
)
NEW_INDEXES = (
    ("ix_servers_jump", "servers", ["jump_server_id", "id"]),
    ("ix_executions_fleet_run", "task_executions", ["fleet_run_id", "id"]),
    ("ix_events_fleet_run", "events", ["fleet_run_id", "xid", "id"]),
)


def upgrade() -> None:
    _drop_triggers(OF_EXECUTIONS)
    for table, column in _build_columns():
        op.add_column(table, column)
    _create_tables()
    for name, table, columns in NEW_INDEXES:
        op.create_index(name, table, columns, unique=False)
    _set_task_server_nullable(True)
    _create_triggers(OF_EXECUTIONS + OF_FLEET_RUNS)


def downgrade() -> None:
    """Fleet tasks have no server, which the older schema cannot hold: they are deleted with what they ran."""
    _drop_triggers(OF_FLEET_RUNS + OF_EXECUTIONS)
    _delete_fleet_tasks()
    _set_task_server_nullable(False)
    for name, table, _ in NEW_INDEXES:
        op.drop_index(name, table_name=table)
    for table in ("fleet_output", "fleet_members", "fleet_runs"):
        op.drop_table(table)
    for table, column in reversed(_build_columns()):
        op.drop_column(table, column.name)
    former = [
        (*head, body.replace(INSERT, OLD_INSERT).replace(" NEW.fleet_run_id,", "")) for *head, body in OF_EXECUTIONS
    ]
    _create_triggers(former)


def _forget_fleet_run(body: str) -> str:
    return body.replace(INSERT, OLD_INSERT).replace(" NEW.fleet_run_id,", "")


def _build_columns() -> list[tuple[str, sa.Column[Any]]]:
    return [
        ("servers", sa.Column("jump_server_id", sa.BigInteger(), nullable=True)),
        ("tasks", sa.Column("selector", JsonText(), nullable=True)),
        ("tasks", sa.Column("fleet_terms", JsonText(), server_default="{}", nullable=False)),
        ("tasks", sa.Column("parameters", JsonText(), server_default="[]", nullable=False)),
        ("tasks", sa.Column("parameter_values", JsonText(), server_default="{}", nullable=False)),
        ("task_executions", sa.Column("fleet_run_id", sa.BigInteger(), nullable=True)),
        ("task_executions", sa.Column("parameters", JsonText(), server_default="{}", nullable=False)),
        ("schedule_slots", sa.Column("fleet_run_id", sa.BigInteger(), nullable=True)),
        ("events", sa.Column("fleet_run_id", sa.BigInteger(), nullable=True)),
    ]


def _create_tables() -> None:
    op.create_table(
        "fleet_runs",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("task_id", BigId, nullable=True),
        sa.Column("slot", UtcTime(), nullable=True),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("work", JsonText(), server_default="{}", nullable=False),
        sa.Column("sealed_env", JsonText(), nullable=True),
        sa.Column("sealed_stdin", sa.LargeBinary(), nullable=True),
        sa.Column("selector", JsonText(), server_default="{}", nullable=False),
        sa.Column("batch_size", JsonText(), nullable=True),
        sa.Column("pause_seconds", sa.Integer(), nullable=False),
        sa.Column("stop_after", JsonText(), nullable=True),
        sa.Column("on_refused", sa.String(length=16), nullable=False),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("started", sa.Integer(), nullable=False),
        sa.Column("next_start_at", UtcTime(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("end_time", UtcTime(), nullable=True),
        sa.Column("cancel_at", UtcTime(), nullable=True),
        sa.Column("retry_of", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=True),
        sa.Column("created_by", BigId, nullable=False),
        sa.Column("cancelled_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("created_by", "idempotency_key", name="uq_fleet_runs_idempotency"),
    )
    is_open = sa.text("state = 'RUNNING'")
    op.create_index(
        "ix_fleet_runs_open", "fleet_runs", ["id"], unique=False, sqlite_where=is_open, postgresql_where=is_open
    )
    for name, column in (("state", "state"), ("task", "task_id"), ("created", "created_at")):
        op.create_index(f"ix_fleet_runs_{name}", "fleet_runs", [column, "id"], unique=False)
    _create_member_tables()


def _create_member_tables() -> None:
    op.create_table(
        "fleet_members",
        sa.Column("fleet_run_id", BigId, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("server_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("refusal", sa.String(length=24), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("execution_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["execution_id"], ["task_executions.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["fleet_run_id"], ["fleet_runs.id"]),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"]),
        sa.PrimaryKeyConstraint("fleet_run_id", "position"),
        sa.UniqueConstraint("fleet_run_id", "server_id", name="uq_fleet_members_server"),
    )
    op.create_index("ix_fleet_members_server", "fleet_members", ["server_id", "fleet_run_id"], unique=False)
    op.create_index("ix_fleet_members_execution", "fleet_members", ["execution_id"], unique=False)
    op.create_table(
        "fleet_output",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("xid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fleet_run_id", sa.BigInteger(), nullable=False),
        sa.Column("execution_id", BigId, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["execution_id"], ["task_executions.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_fleet_output_order", "fleet_output", ["fleet_run_id", "xid", "id"], unique=False)
    op.create_index("ix_fleet_output_execution", "fleet_output", ["execution_id"], unique=False)


def _set_task_server_nullable(nullable: bool) -> None:
    """Change the column's constraint. SQLite's own documentation (lang_altertable, section 7) has this way to do it.

    A table that others refer to cannot be made anew within a transaction.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("tasks", "server_id", existing_type=sa.BigInteger(), nullable=nullable)
        return
    pair = ("server_id INTEGER NOT NULL", "server_id INTEGER")
    old, new = pair if nullable else pair[::-1]
    conn = op.get_bind()
    version = conn.exec_driver_sql("PRAGMA schema_version").scalar_one()
    conn.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = conn.execute(
        sa.text("UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'tasks'"),
        {"old": old, "new": new},
    )
    conn.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    conn.exec_driver_sql("PRAGMA writable_schema=OFF")
    text = conn.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'tasks'").scalar_one()
    if changed.rowcount != 1 or (pair[0] in text) is nullable:
        raise RuntimeError("the column tasks.server_id is not declared as sshcast declares it")


def _delete_fleet_tasks() -> None:
    among = "(SELECT id FROM tasks WHERE server_id IS NULL)"
    for statement in (
        f"DELETE FROM schedule_slots WHERE task_id IN {among}",
        "UPDATE fleet_runs SET task_id = NULL",
        f"UPDATE task_executions SET task_id = NULL WHERE task_id IN {among}",
        f"DELETE FROM policy_versions WHERE task_id IN {among}",
        f"DELETE FROM task_keys WHERE task_id IN {among}",
        "DELETE FROM tasks WHERE server_id IS NULL",
        "DELETE FROM events WHERE kind LIKE 'fleet-run-%'",
    ):
        op.execute(statement)


def _create_triggers(triggers: Any) -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, when, condition, body in triggers:
        found = f" WHEN ({condition})" if condition else ""
        if postgres:
            text = body.replace("{xid}", "pg_current_xact_id()::text::bigint")
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {text} RETURN NULL; END $$"
            )
            op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW{found} EXECUTE FUNCTION {name}()")
        else:
            op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW{found} BEGIN {body.replace('{xid}', '0')} END")


def _drop_triggers(triggers: Any) -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, when, _, _ in triggers:
        table = when.rpartition(" ")[2]
        op.execute(f"DROP TRIGGER {name} ON {table}" if postgres else f"DROP TRIGGER {name}")
        if postgres:
            op.execute(f"DROP FUNCTION {name}()")
