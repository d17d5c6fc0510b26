"""The table of idempotency keys of task creations."""

from sqlalchemy import BigInteger, Column, ForeignKey, String
from sqlmodel import Field, SQLModel

from db.columns import BigId, reference


class TaskKey(SQLModel, table=True):
    """A user's idempotency key, the digest of the request, and the task and execution that it created.

    The execution may be gone: finished executions are deleted after the retention period.
    """

    __tablename__ = "task_keys"

    created_by: int = Field(sa_column=Column(BigId, ForeignKey("users.id"), primary_key=True, autoincrement=False))
    key: str = Field(sa_column=Column(String(128), primary_key=True))
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    task_id: int | None = Field(sa_column=reference("tasks.id", nullable=True))
    execution_id: int | None = Field(sa_column=Column(BigInteger))
