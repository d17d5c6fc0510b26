"""The table of admins' changes to the command policy."""

from datetime import datetime

from sqlalchemy import Column, Index, String, Text, text
from sqlmodel import Field, SQLModel

from db.columns import JsonText, id_column, reference, time_column
from db.models import TaskExecution
from db.rows import get_table


class PolicyVersion(SQLModel, table=True):
    """The command policy of one server or task. Rows never change: each edit adds one, the newest applies.

    `subject` is a digest of the task at that time: what the version allows holds only for a task with this digest.
    """

    __tablename__ = "policy_versions"
    __table_args__ = (
        Index("ix_policy_versions_server", "server_id", "id"),
        Index("ix_policy_versions_task", "task_id", "id"),
    )

    id: int = Field(sa_column=id_column())
    server_id: int | None = Field(sa_column=reference("servers.id", nullable=True))
    task_id: int | None = Field(sa_column=reference("tasks.id", nullable=True))
    mode: str | None = Field(sa_column=Column(String(16)))
    allow: list[str] = Field(sa_column=Column(JsonText, nullable=False))
    commands: list[str] = Field(sa_column=Column(JsonText, nullable=False))
    extra: str = Field(sa_column=Column(Text, nullable=False))
    subject: str | None = Field(sa_column=Column(String(64)))
    created_by: int = Field(sa_column=reference("users.id"))
    created_at: datetime = Field(sa_column=time_column())


FOUND = text("findings IS NOT NULL")
Index("ix_executions_findings", get_table(TaskExecution).c.id, sqlite_where=FOUND, postgresql_where=FOUND)
"""The executions for which the policy reported findings."""
