"""The tables of registered secrets and of the value that verifies the master key."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary
from sqlmodel import Field, SQLModel

from db.columns import id_column, name_type, reference, time_column


class RegisteredSecret(SQLModel, table=True):
    """A sealed value that runs refer to by name: runs on `server_id`, or on every server if that is None."""

    __tablename__ = "secrets"
    __table_args__ = (Index("ix_secrets_server", "server_id", "id"),)

    id: int = Field(sa_column=id_column())
    name: str = Field(sa_column=Column(name_type(100), nullable=False, unique=True))
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    server_id: int | None = Field(sa_column=reference("servers.id", nullable=True))
    created_by: int = Field(sa_column=reference("users.id"))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())


class MasterKeyCheck(SQLModel, table=True):
    """One row with a value sealed by the master key: a key that cannot open it belongs to another database.

    Like every sealed value it is bound to its place: see `runner.secrets.vault`.
    """

    __tablename__ = "master_key_check"
    __table_args__ = (CheckConstraint("id = 1", name="ck_master_key_check_one_row"),)

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
