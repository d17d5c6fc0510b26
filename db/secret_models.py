"""The table of registered secrets."""

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from db.columns import id_column, name_type, reference, time_column


class RegisteredSecret(SQLModel, table=True):
    """A value that runs may take by its name, sealed. For the runs of one server; without one, of every server."""

    __tablename__ = "secrets"
    __table_args__ = (Index("ix_secrets_server", "server_id", "id"),)

    id: int = Field(sa_column=id_column())
    name: str = Field(sa_column=Column(name_type(100), nullable=False, unique=True))
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    server_id: int | None = Field(sa_column=reference("servers.id", nullable=True))
    created_by: int = Field(sa_column=reference("users.id"))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
