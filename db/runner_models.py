"""The table of runners."""

from datetime import datetime

from sqlalchemy import Column, String
from sqlmodel import Field, SQLModel

from db.columns import time_column


class Runner(SQLModel, table=True):
    """A process that drives executions, considered alive until `lease_until`. Deleting the row frees its executions."""

    __tablename__ = "runners"

    id: str = Field(sa_column=Column(String(64), primary_key=True))
    started_at: datetime = Field(sa_column=time_column())
    lease_until: datetime = Field(sa_column=time_column())
