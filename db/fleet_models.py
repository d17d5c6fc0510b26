"""The tables of fleet runs: one piece of work on many servers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from db.columns import BigId, JsonText, big_column, id_column, json_column, reference, time_column

OPEN = text("state = 'RUNNING'")


class FleetRun(SQLModel, table=True):
    """A command or a task that is started on many servers, in batches. Each start is an execution of its own.

    `work` holds the columns that its executions share; `sealed_env` and `sealed_stdin` hold secret values and the
    standard input, and are cleared once nothing more starts. `size` counts its members and `started` those that were
    decided on, in order of their positions. The next batch starts at `next_start_at` or later. `batch_size` and
    `stop_after` are `{"servers" or "failures": n}` or `{"percent": n}`. `retry_of`: the fleet run that this one
    repeats.
    """

    __tablename__ = "fleet_runs"
    __table_args__ = (
        UniqueConstraint("created_by", "idempotency_key", name="uq_fleet_runs_idempotency"),
        Index(
            "ix_fleet_runs_open",
            "id",
            sqlite_where=text("state = 'RUNNING'"),
            postgresql_where=text("state = 'RUNNING'"),
        ),
        Index("ix_fleet_runs_state", "state", "id"),
        Index("ix_fleet_runs_task", "task_id", "id"),
        Index("ix_fleet_runs_created", "created_at", "id"),
    )

    id: int = Field(sa_column=id_column())
    task_id: int | None = Field(sa_column=reference("tasks.id", nullable=True))
    slot: datetime | None = Field(sa_column=time_column(nullable=True))
    trigger: str = Field(sa_column=Column(String(16), nullable=False))
    command: str = Field(sa_column=Column(Text, nullable=False))
    work: dict[str, Any] = Field(sa_column=json_column(dict, "{}"))
    sealed_env: dict[str, str] | None = Field(sa_column=Column(JsonText))
    sealed_stdin: bytes | None = Field(sa_column=Column(LargeBinary))
    selector: dict[str, Any] = Field(sa_column=json_column(dict, "{}"))
    batch_size: dict[str, int] | None = Field(sa_column=Column(JsonText))
    pause_seconds: int = Field(sa_column=Column(Integer, nullable=False, default=0))
    stop_after: dict[str, int] | None = Field(sa_column=Column(JsonText))
    on_refused: str = Field(sa_column=Column(String(16), nullable=False))
    plan_digest: str = Field(sa_column=Column(String(64), nullable=False))
    size: int = Field(sa_column=Column(Integer, nullable=False))
    started: int = Field(sa_column=Column(Integer, nullable=False, default=0))
    next_start_at: datetime | None = Field(sa_column=time_column(nullable=True))
    state: str = Field(sa_column=Column(String(16), nullable=False))
    reason: str | None = Field(sa_column=Column(String(24)))
    created_at: datetime = Field(sa_column=time_column())
    end_time: datetime | None = Field(sa_column=time_column(nullable=True))
    cancel_at: datetime | None = Field(sa_column=time_column(nullable=True))
    retry_of: int | None = Field(sa_column=Column(BigInteger))
    idempotency_key: str | None = Field(sa_column=Column(String(128)))
    created_by: int = Field(sa_column=reference("users.id"))
    cancelled_by: int | None = Field(sa_column=Column(BigInteger))


class FleetMember(SQLModel, table=True):
    """One server of a fleet run: waiting, started as an execution, refused with a reason, or not started at all."""

    __tablename__ = "fleet_members"
    __table_args__ = (
        UniqueConstraint("fleet_run_id", "server_id", name="uq_fleet_members_server"),
        Index("ix_fleet_members_server", "server_id", "fleet_run_id"),
        Index("ix_fleet_members_execution", "execution_id"),
    )

    fleet_run_id: int = Field(sa_column=Column(BigId, ForeignKey("fleet_runs.id"), primary_key=True))
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    server_id: int = Field(sa_column=reference("servers.id"))
    state: str = Field(sa_column=Column(String(16), nullable=False))
    refusal: str | None = Field(sa_column=Column(String(24)))
    message: str | None = Field(sa_column=Column(Text))
    execution_id: int | None = Field(sa_column=Column(BigId, ForeignKey("task_executions.id", ondelete="SET NULL")))


class FleetOutput(SQLModel, table=True):
    """That an execution of a fleet run stored output: one row for each flush, in the order of the event stream.

    `position` and `size`: the bytes of both streams before it, and those that it stored. `xid`: see Event.
    """

    __tablename__ = "fleet_output"
    __table_args__ = (
        Index("ix_fleet_output_order", "fleet_run_id", "xid", "id"),
        Index("ix_fleet_output_execution", "execution_id"),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(sa_column=id_column())
    xid: int = Field(sa_column=big_column())
    fleet_run_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    execution_id: int = Field(sa_column=Column(BigId, ForeignKey("task_executions.id"), nullable=False))
    position: int = Field(sa_column=big_column())
    size: int = Field(sa_column=Column(Integer, nullable=False))
