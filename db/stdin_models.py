"""The table of the commands' standard input."""

from sqlalchemy import Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from db.columns import BigId


class ExecutionStdin(SQLModel, table=True):
    """The sealed standard input of an execution that has not ended, in its own table so that lists do not read it.

    Its size and digest are in the execution's row and stay there.
    """

    __tablename__ = "execution_stdin"

    execution_id: int = Field(
        sa_column=Column(BigId, ForeignKey("task_executions.id"), primary_key=True, autoincrement=False)
    )
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
