"""The tables of the event stream. Database triggers write the events; nothing else does."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Integer, String
from sqlmodel import Field, SQLModel

from db.columns import id_column, time_column


class Event(SQLModel, table=True):
    """A change of an execution, a slot, a task or a server, or a new audit event.

    `xid` is the transaction's number on PostgreSQL, and 0 on SQLite; (`xid`, `id`) is the order of the stream.
    `state` is an execution's state or a slot's outcome at that moment. The ids are no foreign keys: an event outlives
    what it is about.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_order", "xid", "id"),
        Index("ix_events_kind", "kind", "xid", "id"),
        Index("ix_events_server", "server_id", "xid", "id"),
        Index("ix_events_task", "task_id", "xid", "id"),
        Index("ix_events_execution", "execution_id", "xid", "id"),
        Index("ix_events_fleet_run", "fleet_run_id", "xid", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(sa_column=id_column())
    xid: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    at: datetime = Field(sa_column=time_column())
    kind: str = Field(sa_column=Column(String(32), nullable=False))
    actor_id: int | None = Field(sa_column=Column(BigInteger))
    server_id: int | None = Field(sa_column=Column(BigInteger))
    task_id: int | None = Field(sa_column=Column(BigInteger))
    execution_id: int | None = Field(sa_column=Column(BigInteger))
    slot_id: int | None = Field(sa_column=Column(BigInteger))
    audit_id: int | None = Field(sa_column=Column(BigInteger))
    fleet_run_id: int | None = Field(sa_column=Column(BigInteger))
    state: str | None = Field(sa_column=Column(String(20)))
    reason: str | None = Field(sa_column=Column(String(24)))


class EventsRemoved(SQLModel, table=True):
    """The last event that retention removed, in one row: what comes before or at it cannot be read any more.

    In a database that was restored it is the position before the first event, see `db.events.renumber_restored`.
    """

    __tablename__ = "events_removed"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    xid: int = Field(sa_column=Column(BigInteger, nullable=False))
    event_id: int = Field(sa_column=Column(BigInteger, nullable=False))
