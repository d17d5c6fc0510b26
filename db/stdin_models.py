"""The table of what commands read on their standard input."""

from sqlalchemy import Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from db.columns import BigId


class ExecutionStdin(SQLModel, table=True):
    """The standard input of an execution that has not ended, sealed, beside its row: lists need not read past it.

    Its size and its digest are in the execution's row, and stay.
    """

    __tablename__ = "execution_stdin"

    execution_id: int = Field(
        sa_column=Column(BigId, ForeignKey("task_executions.id"), primary_key=True, autoincrement=False)
    )
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
