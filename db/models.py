"""The tables. Input must be validated before: classes with `table=True` validate nothing.

Queries return plain rows that are typed as these classes: they have the columns as attributes, and no methods.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from db.columns import (
    BigId,
    JsonText,
    big_column,
    flag_column,
    id_column,
    json_column,
    name_type,
    reference,
    time_column,
)


class User(SQLModel, table=True):
    """A user who may sign in. Raising `token_version` revokes every token that was issued before."""

    __tablename__ = "users"

    id: int = Field(sa_column=id_column())
    name: str = Field(sa_column=Column(name_type(64), nullable=False, unique=True))
    password_hash: str = Field(sa_column=Column(String(255), nullable=False))
    role: str = Field(sa_column=Column(String(16), nullable=False))
    disabled: bool = Field(sa_column=Column(Boolean, nullable=False, default=False))
    token_version: int = Field(sa_column=Column(Integer, nullable=False, default=0))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())


class Server(SQLModel, table=True):
    """A machine reached over SSH, with its pinned host keys and its encrypted credential.

    `host_key_alias` is a name besides `host` that the server's host certificate may be issued for.
    `jump_server_id` is the server through which this one is reached.
    """

    __tablename__ = "servers"
    __table_args__ = (
        Index(
            "uq_servers_name_kept",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_servers_created", "created_at", "id"),
        Index("ix_servers_jump", "jump_server_id", "id"),
    )

    id: int = Field(sa_column=id_column())
    name: str = Field(sa_column=Column(name_type(100), nullable=False))
    name_folded: str = Field(sa_column=Column(Text, nullable=False))
    host: str = Field(sa_column=Column(String(255), nullable=False))
    port: int = Field(sa_column=Column(Integer, nullable=False))
    username: str = Field(sa_column=Column(String(64), nullable=False))
    host_keys: list[str] = Field(sa_column=Column(JsonText, nullable=False))
    credential_kind: str = Field(sa_column=Column(String(16), nullable=False))
    credential: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    tags: list[str] = Field(sa_column=Column(JsonText, nullable=False))
    max_parallel: int = Field(sa_column=Column(Integer, nullable=False))
    run_mode: str = Field(sa_column=Column(String(16), nullable=False))
    blackouts: list[dict[str, Any]] = Field(sa_column=json_column(list, "[]"))
    legacy_algorithms: list[str] = Field(sa_column=json_column(list, "[]"))
    host_key_alias: str | None = Field(sa_column=Column(String(255)))
    output_encoding: str = Field(sa_column=Column(String(32), nullable=False, server_default="utf-8"))
    jump_server_id: int | None = Field(sa_column=Column(BigInteger))
    enabled: bool = Field(sa_column=Column(Boolean, nullable=False, default=True))
    created_by: int = Field(sa_column=reference("users.id"))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
    deleted_at: datetime | None = Field(sa_column=time_column(nullable=True))


class Task(SQLModel, table=True):
    """A named command for a server, with a schedule. Deleting sets `deleted_at`, so that the history stays.

    `shell`: the shell, with options, from the command's `#!` line; None for /bin/sh.
    `secret_env`: the names of secret variables, each with the name of a registered secret, or None if the value is in
    `sealed_env`.
    `updated_by`: the user who last changed the task, None if unknown; its scheduled runs act for that user.
    A fleet task has no `server_id`: it has a `selector` of servers and the `fleet_terms` of its fleet runs.
    `parameters` declares what a run may be given, `parameter_values` are those that its schedule gives, with defaults:
    None for a secret one, which is in `sealed_env`.
    `schedule_mode_since`: slots up to this moment had the other mode; None for a task that was never in shadow.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "ix_tasks_due",
            "next_run",
            sqlite_where=text("enabled AND deleted_at IS NULL AND next_run IS NOT NULL"),
            postgresql_where=text("enabled AND deleted_at IS NULL AND next_run IS NOT NULL"),
        ),
        Index("ix_tasks_server", "server_id", "id"),
        Index("ix_tasks_name", "name", "id"),
        Index("ix_tasks_last_run", "last_run", "id"),
        Index("ix_tasks_next_run", "next_run", "id"),
        Index("ix_tasks_created", "created_at", "id"),
        Index("ix_tasks_creator", "created_by", "id"),
    )

    id: int = Field(sa_column=id_column())
    name: str = Field(sa_column=Column(name_type(100), nullable=False))
    name_folded: str = Field(sa_column=Column(Text, nullable=False))
    command: str = Field(sa_column=Column(Text, nullable=False))
    shell: str | None = Field(sa_column=Column(String(128)))
    server_id: int | None = Field(sa_column=reference("servers.id", nullable=True))
    selector: dict[str, Any] | None = Field(sa_column=Column(JsonText))
    fleet_terms: dict[str, Any] = Field(sa_column=json_column(dict, "{}"))
    parameters: list[dict[str, Any]] = Field(sa_column=json_column(list, "[]"))
    parameter_values: dict[str, Any] = Field(sa_column=json_column(dict, "{}"))
    cron_expr: str = Field(sa_column=Column(String(120), nullable=False))
    timezone: str = Field(sa_column=Column(String(64), nullable=False))
    enabled: bool = Field(sa_column=Column(Boolean, nullable=False))
    timeout_seconds: int = Field(sa_column=Column(Integer, nullable=False))
    output_limit: int = Field(sa_column=big_column())
    env: dict[str, str] = Field(sa_column=Column(JsonText, nullable=False))
    secret_env: dict[str, str | None] = Field(sa_column=json_column(dict, "{}"))
    sealed_env: dict[str, str] = Field(sa_column=json_column(dict, "{}"))
    working_dir: str | None = Field(sa_column=Column(String(4096)))
    run_mode: str | None = Field(sa_column=Column(String(16)))
    merge_streams: bool = Field(sa_column=flag_column())
    on_output_limit: str = Field(sa_column=Column(String(16), nullable=False, default="stop", server_default="stop"))
    terms: dict[str, Any] = Field(sa_column=json_column(dict, "{}"))
    schedule_mode: str = Field(sa_column=Column(String(16), nullable=False, default="active", server_default="active"))
    schedule_mode_since: datetime | None = Field(sa_column=time_column(nullable=True))
    paused_at: datetime | None = Field(sa_column=time_column(nullable=True))
    paused_until: datetime | None = Field(sa_column=time_column(nullable=True))
    next_run: datetime | None = Field(sa_column=time_column(nullable=True))
    last_run: datetime | None = Field(sa_column=time_column(nullable=True))
    created_by: int = Field(sa_column=reference("users.id"))
    updated_by: int | None = Field(sa_column=Column(BigInteger))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
    deleted_at: datetime | None = Field(sa_column=time_column(nullable=True))


class TaskExecution(SQLModel, table=True):
    """One run of a command. The row is the job: a runner claims it and names its fence in every write.

    `shell`, `secret_env` and `sealed_env` are copied from the task. `sealed_run` holds the secret values resolved at
    the start. Both sealed columns are cleared when the run ends. The standard input is in `execution_stdin`; its size
    and SHA-256 are here. `parameters`: their names and values, None for a secret one, which is in `sealed_env`.
    `output_lines` counts the line feeds of both streams. `output_gap`: which bytes were left out.
    """

    __tablename__ = "task_executions"
    __table_args__ = (
        UniqueConstraint("created_by", "idempotency_key", name="uq_executions_idempotency"),
        Index(
            "ix_executions_pending",
            "server_id",
            "created_by",
            "id",
            sqlite_where=text("state = 'PENDING'"),
            postgresql_where=text("state = 'PENDING'"),
        ),
        Index(
            "ix_executions_running",
            "runner_id",
            "id",
            sqlite_where=text("state = 'RUNNING'"),
            postgresql_where=text("state = 'RUNNING'"),
        ),
        Index(
            "ix_executions_busy",
            "server_id",
            sqlite_where=text("state = 'RUNNING'"),
            postgresql_where=text("state = 'RUNNING'"),
        ),
        Index(
            "ix_executions_open",
            "task_id",
            sqlite_where=text("state IN ('PENDING', 'RUNNING')"),
            postgresql_where=text("state IN ('PENDING', 'RUNNING')"),
        ),
        Index("ix_executions_task", "task_id", "id"),
        Index("ix_executions_fleet_run", "fleet_run_id", "id"),
        Index("ix_executions_server", "server_id", "id"),
        Index("ix_executions_state", "state", "id"),
        Index("ix_executions_trigger", "trigger", "id"),
        Index("ix_executions_creator", "created_by", "id"),
        Index("ix_executions_created", "created_at", "id"),
        Index("ix_executions_start", "start_time", "id"),
        Index("ix_executions_end", "end_time", "id"),
        Index("ix_executions_reason", "reason", "id"),
        Index("ix_executions_exit", "exit_code", "id"),
        Index("ix_executions_duration", "duration_ms", "id"),
    )

    id: int = Field(sa_column=id_column())
    task_id: int | None = Field(sa_column=reference("tasks.id", nullable=True))
    fleet_run_id: int | None = Field(sa_column=Column(BigInteger))
    server_id: int = Field(sa_column=reference("servers.id"))
    command: str = Field(sa_column=Column(Text, nullable=False))
    shell: str | None = Field(sa_column=Column(String(128)))
    env: dict[str, str] = Field(sa_column=Column(JsonText, nullable=False))
    secret_env: dict[str, str | None] = Field(sa_column=json_column(dict, "{}"))
    sealed_env: dict[str, str] | None = Field(sa_column=Column(JsonText))
    sealed_run: bytes | None = Field(sa_column=Column(LargeBinary))
    parameters: dict[str, str | None] = Field(sa_column=json_column(dict, "{}"))
    stdin_bytes: int | None = Field(sa_column=Column(BigInteger))
    stdin_sha256: str | None = Field(sa_column=Column(String(64)))
    working_dir: str | None = Field(sa_column=Column(String(4096)))
    timeout_seconds: int = Field(sa_column=Column(Integer, nullable=False))
    output_limit: int = Field(sa_column=big_column())
    on_output_limit: str = Field(sa_column=Column(String(16), nullable=False, default="stop", server_default="stop"))
    merge_streams: bool = Field(sa_column=flag_column())
    trigger: str = Field(sa_column=Column(String(16), nullable=False))
    slot: datetime | None = Field(sa_column=time_column(nullable=True))
    attempt: int = Field(sa_column=Column(Integer, nullable=False, default=1))
    state: str = Field(sa_column=Column(String(16), nullable=False))
    reason: str | None = Field(sa_column=Column(String(24)))
    message: str | None = Field(sa_column=Column(Text))
    exit_code: int | None = Field(sa_column=Column(BigInteger))
    exit_signal: str | None = Field(sa_column=Column(String(16)))
    created_at: datetime = Field(sa_column=time_column())
    start_time: datetime | None = Field(sa_column=time_column(nullable=True))
    end_time: datetime | None = Field(sa_column=time_column(nullable=True))
    duration_ms: int | None = Field(sa_column=Column(BigInteger))
    cancel_at: datetime | None = Field(sa_column=time_column(nullable=True))
    runner_id: str | None = Field(sa_column=Column(String(64)))
    fence: int = Field(sa_column=Column(Integer, nullable=False, default=0))
    mode: str | None = Field(sa_column=Column(String(16)))
    remote: dict[str, Any] | None = Field(sa_column=Column(JsonText))
    verified_gone: bool | None = Field(sa_column=Column(Boolean))
    stdout_bytes: int = Field(sa_column=big_column())
    stderr_bytes: int = Field(sa_column=big_column())
    output_lines: int = Field(sa_column=big_column())
    output_gap: dict[str, Any] | None = Field(sa_column=Column(JsonText))
    truncated: bool = Field(sa_column=Column(Boolean, nullable=False, default=False))
    idempotency_key: str | None = Field(sa_column=Column(String(128)))
    policy_version: str | None = Field(sa_column=Column(String(32)))
    server_policy_id: int | None = Field(sa_column=Column(BigInteger))
    task_policy_id: int | None = Field(sa_column=Column(BigInteger))
    findings: list[dict[str, Any]] | None = Field(sa_column=Column(JsonText))
    created_by: int = Field(sa_column=reference("users.id"))
    cancelled_by: int | None = Field(sa_column=Column(BigInteger))


class ScheduleSlot(SQLModel, table=True):
    """One moment at which a task's schedule was due, and its outcome. There is one row for each (task, slot).

    `becomes` is the outcome of a waiting slot once its run starts. `open` is true while something may still follow: a
    waiting run, a retry (`retries_left`, at `retry_at`), or the end of the start deadline (`start_by`).
    """

    __tablename__ = "schedule_slots"
    __table_args__ = (
        UniqueConstraint("task_id", "slot", name="uq_slots_task_slot"),
        Index("ix_slots_open", "task_id", sqlite_where=text("open"), postgresql_where=text("open")),
        Index("ix_slots_outcome", "outcome", "id"),
        Index("ix_slots_slot", "slot", "id"),
        Index("ix_slots_execution", "execution_id"),
        Index("ix_slots_task", "task_id", "id"),
    )

    id: int = Field(sa_column=id_column())
    task_id: int = Field(sa_column=reference("tasks.id"))
    slot: datetime = Field(sa_column=time_column())
    outcome: str = Field(sa_column=Column(String(20), nullable=False))
    note: str | None = Field(sa_column=Column(String(16)))
    reason: str | None = Field(sa_column=Column(Text))
    execution_id: int | None = Field(sa_column=Column(BigId, ForeignKey("task_executions.id", ondelete="SET NULL")))
    fleet_run_id: int | None = Field(sa_column=Column(BigInteger))
    decided_at: datetime = Field(sa_column=time_column())
    becomes: str | None = Field(sa_column=Column(String(20)))
    open: bool = Field(sa_column=Column(Boolean, nullable=False, default=False))
    retries_left: int = Field(sa_column=Column(Integer, nullable=False, default=0))
    retry_at: datetime | None = Field(sa_column=time_column(nullable=True))
    start_by: datetime | None = Field(sa_column=time_column(nullable=True))
