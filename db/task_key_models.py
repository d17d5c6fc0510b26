"""The table of idempotency keys that tasks were created under."""

from sqlalchemy import BigInteger, Column, ForeignKey, String
from sqlmodel import Field, SQLModel

from db.columns import BigId, reference


class TaskKey(SQLModel, table=True):
    """A user's key, the digest of what was asked for under it, and the task and the run that came of it.

    The run may be gone: finished runs are kept only as long as the settings say.
    """

    __tablename__ = "task_keys"

    created_by: int = Field(sa_column=Column(BigId, ForeignKey("users.id"), primary_key=True, autoincrement=False))
    key: str = Field(sa_column=Column(String(128), primary_key=True))
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    task_id: int | None = Field(sa_column=reference("tasks.id", nullable=True))
    execution_id: int | None = Field(sa_column=Column(BigInteger))
