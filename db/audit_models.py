"""The table of audit events."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, String, Text
from sqlmodel import Field, SQLModel

from db.columns import time_column


class AuditEvent(SQLModel, table=True):
    """An action that was carried out or refused. Ids have no gaps; `hash` covers every other column.

    `before` and `after` are stored as the JSON text that was hashed. Database triggers refuse to change or delete a
    row.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_kind", "kind", "id"),
        Index("ix_audit_actor", "actor_id", "id"),
        Index("ix_audit_object", "object_kind", "object_id", "id"),
        Index("ix_audit_at", "at", "id"),
    )

    id: int = Field(sa_column=Column("id", BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=time_column())
    kind: str = Field(sa_column=Column(String(24), nullable=False))
    actor_id: int | None = Field(sa_column=Column(BigInteger))
    actor: str | None = Field(sa_column=Column(String(64)))
    address: str = Field(sa_column=Column(String(64), nullable=False))
    object_kind: str | None = Field(sa_column=Column(String(16)))
    object_id: int | None = Field(sa_column=Column(BigInteger))
    before: str | None = Field(sa_column=Column(Text))
    after: str | None = Field(sa_column=Column(Text))
    previous: str = Field(sa_column=Column(String(64), nullable=False))
    hash: str = Field(sa_column=Column(String(64), nullable=False))
