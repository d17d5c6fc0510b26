"""The tables of runners, and of the database that they work on."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, String
from sqlmodel import Field, SQLModel

from db.columns import time_column


class Runner(SQLModel, table=True):
    """A process that drives executions, considered alive until `lease_until`. Deleting the row frees its executions."""

    __tablename__ = "runners"

    id: str = Field(sa_column=Column(String(64), primary_key=True))
    started_at: datetime = Field(sa_column=time_column())
    lease_until: datetime = Field(sa_column=time_column())


class DatabaseHome(SQLModel, table=True):
    """One row: which database of which PostgreSQL this one was when a runner last knew it. See `db.database_home`."""

    __tablename__ = "database_home"
    __table_args__ = (CheckConstraint("id = 1", name="ck_database_home_one_row"),)

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    system_id: str | None = Field(sa_column=Column(String(32), nullable=True))
    database_oid: int = Field(sa_column=Column(BigInteger, nullable=False))
    table_oids: str = Field(sa_column=Column(String(64), nullable=False))
    major: int = Field(sa_column=Column(Integer, nullable=False))
