"""The first schema: users, servers, tasks, their executions and the output, and the audit."""

import sqlalchemy as sa
from alembic import op

from db.columns import BigId, JsonText, UtcTime, name_type

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_users()
    create_sessions()
    create_personal_tokens()
    create_servers()
    create_tasks()
    create_task_executions()
    create_schedule_slots()
    create_runners()
    create_output_chunks()
    create_audit_events()
    seal_audit_events()


def downgrade() -> None:
    op.drop_table("audit_events")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")
    op.drop_table("output_chunks")
    op.drop_table("runners")
    op.drop_table("schedule_slots")
    op.drop_table("task_executions")
    op.drop_table("tasks")
    op.drop_table("servers")
    op.drop_table("personal_tokens")
    op.drop_table("sessions")
    op.drop_table("users")


def create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", name_type(64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("refresh_id", sa.String(length=32), nullable=False),
        sa.Column("previous_id", sa.String(length=32), nullable=True),
        sa.Column("rotated_at", UtcTime(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id", "id"], unique=False)


def create_personal_tokens() -> None:
    op.create_table(
        "personal_tokens",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("name", name_type(100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_personal_tokens_user", "personal_tokens", ["user_id", "id"], unique=False)


def create_servers() -> None:
    op.create_table(
        "servers",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", name_type(100), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("host_keys", JsonText(), nullable=False),
        sa.Column("credential_kind", sa.String(length=16), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("tags", JsonText(), nullable=False),
        sa.Column("max_parallel", sa.Integer(), nullable=False),
        sa.Column("run_mode", sa.String(length=16), nullable=False),
        sa.Column("blackouts", JsonText(), server_default="[]", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", BigId, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_servers_name_kept",
        "servers",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_servers_created", "servers", ["created_at", "id"], unique=False)


def create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", name_type(100), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("server_id", BigId, nullable=False),
        sa.Column("cron_expr", sa.String(length=120), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("output_limit", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("env", JsonText(), nullable=False),
        sa.Column("working_dir", sa.String(length=4096), nullable=True),
        sa.Column("run_mode", sa.String(length=16), nullable=True),
        sa.Column("terms", JsonText(), server_default="{}", nullable=False),
        sa.Column("paused_at", UtcTime(), nullable=True),
        sa.Column("paused_until", UtcTime(), nullable=True),
        sa.Column("next_run", UtcTime(), nullable=True),
        sa.Column("last_run", UtcTime(), nullable=True),
        sa.Column("created_by", BigId, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tasks_created", "tasks", ["created_at", "id"], unique=False)
    op.create_index("ix_tasks_creator", "tasks", ["created_by", "id"], unique=False)
    op.create_index(
        "ix_tasks_due",
        "tasks",
        ["next_run"],
        unique=False,
        sqlite_where=sa.text("enabled AND deleted_at IS NULL AND next_run IS NOT NULL"),
        postgresql_where=sa.text("enabled AND deleted_at IS NULL AND next_run IS NOT NULL"),
    )
    op.create_index("ix_tasks_last_run", "tasks", ["last_run", "id"], unique=False)
    op.create_index("ix_tasks_name", "tasks", ["name", "id"], unique=False)
    op.create_index("ix_tasks_next_run", "tasks", ["next_run", "id"], unique=False)
    op.create_index("ix_tasks_server", "tasks", ["server_id", "id"], unique=False)


def create_task_executions() -> None:
    op.create_table(
        "task_executions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("task_id", BigId, nullable=True),
        sa.Column("server_id", BigId, nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("env", JsonText(), nullable=False),
        sa.Column("working_dir", sa.String(length=4096), nullable=True),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("output_limit", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("slot", UtcTime(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("exit_signal", sa.String(length=16), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("start_time", UtcTime(), nullable=True),
        sa.Column("end_time", UtcTime(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("cancel_at", UtcTime(), nullable=True),
        sa.Column("runner_id", sa.String(length=64), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.Column("remote", JsonText(), nullable=True),
        sa.Column("verified_gone", sa.Boolean(), nullable=True),
        sa.Column("stdout_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stderr_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=True),
        sa.Column("policy_version", sa.String(length=32), nullable=True),
        sa.Column("created_by", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("created_by", "idempotency_key", name="uq_executions_idempotency"),
    )
    op.create_index("ix_executions_created", "task_executions", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_executions_pending",
        "task_executions",
        ["server_id", "created_by", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'PENDING'"),
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_index(
        "ix_executions_running",
        "task_executions",
        ["runner_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'RUNNING'"),
        postgresql_where=sa.text("state = 'RUNNING'"),
    )
    op.create_index(
        "ix_executions_busy",
        "task_executions",
        ["server_id"],
        unique=False,
        sqlite_where=sa.text("state = 'RUNNING'"),
        postgresql_where=sa.text("state = 'RUNNING'"),
    )
    op.create_index("ix_executions_server", "task_executions", ["server_id", "id"], unique=False)
    op.create_index("ix_executions_state", "task_executions", ["state", "id"], unique=False)
    op.create_index(
        "ix_executions_open",
        "task_executions",
        ["task_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('PENDING', 'RUNNING')"),
        postgresql_where=sa.text("state IN ('PENDING', 'RUNNING')"),
    )
    op.create_index("ix_executions_task", "task_executions", ["task_id", "id"], unique=False)
    op.create_index("ix_executions_trigger", "task_executions", ["trigger", "id"], unique=False)
    op.create_index("ix_executions_creator", "task_executions", ["created_by", "id"], unique=False)
    op.create_index("ix_executions_start", "task_executions", ["start_time", "id"], unique=False)
    op.create_index("ix_executions_end", "task_executions", ["end_time", "id"], unique=False)


def create_schedule_slots() -> None:
    op.create_table(
        "schedule_slots",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("task_id", BigId, nullable=False),
        sa.Column("slot", UtcTime(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("execution_id", BigId, nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=False),
        sa.Column("becomes", sa.String(length=20), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("retries_left", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcTime(), nullable=True),
        sa.Column("start_by", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"]),
        sa.ForeignKeyConstraint(["execution_id"], ["task_executions.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id", "slot", name="uq_slots_task_slot"),
    )
    op.create_index(
        "ix_slots_open",
        "schedule_slots",
        ["task_id"],
        unique=False,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
    op.create_index("ix_slots_execution", "schedule_slots", ["execution_id"], unique=False)
    op.create_index("ix_slots_outcome", "schedule_slots", ["outcome", "id"], unique=False)
    op.create_index("ix_slots_slot", "schedule_slots", ["slot", "id"], unique=False)


def create_runners() -> None:
    op.create_table(
        "runners",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def create_output_chunks() -> None:
    op.create_table(
        "output_chunks",
        sa.Column("execution_id", BigId, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=6), nullable=False),
        sa.Column("stream_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["task_executions.id"],
        ),
        sa.PrimaryKeyConstraint("execution_id", "position"),
        sa.UniqueConstraint("execution_id", "stream", "stream_offset", name="uq_output_offset"),
    )


def create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("object_kind", sa.String(length=16), nullable=True),
        sa.Column("object_id", sa.BigInteger(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_kind", "audit_events", ["kind", "id"], unique=False)
    op.create_index("ix_audit_actor", "audit_events", ["actor_id", "id"], unique=False)
    op.create_index("ix_audit_object", "audit_events", ["object_kind", "object_id", "id"], unique=False)
    op.create_index("ix_audit_at", "audit_events", ["at", "id"], unique=False)


def seal_audit_events() -> None:
    """Rows are added and never touched again."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_events_sealed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_events_no_{verb.lower()} BEFORE {verb} ON audit_events"
            " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        )
