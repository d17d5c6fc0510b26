"""The tables of registered secrets, and of the value that tells the master key."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary
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


class MasterKeyCheck(SQLModel, table=True):
    """The one row with a value that the master key has sealed: a key that does not open it belongs to another database.

    It is bound to its place like every sealed value: see `runner.secrets.vault`.
    """

    __tablename__ = "master_key_check"
    __table_args__ = (CheckConstraint("id = 1", name="ck_master_key_check_one_row"),)

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
