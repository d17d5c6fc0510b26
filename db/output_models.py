"""The table of stored output."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.columns import BigId, big_column, time_column


class OutputChunk(SQLModel, table=True):
    """Consecutive bytes of one stream of one execution.

    `position` counts the bytes of both streams stored before the chunk, so that one number is a position in the whole
    output; `stream_offset` counts the bytes of its own stream. `lines_before` counts the line feeds of both streams
    before the chunk.
    """

    __tablename__ = "output_chunks"
    __table_args__ = (
        UniqueConstraint("execution_id", "stream", "stream_offset", name="uq_output_offset"),
        Index("ix_output_lines", "execution_id", "lines_before", "position"),
    )

    execution_id: int = Field(sa_column=Column(BigId, ForeignKey("task_executions.id"), primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stream: str = Field(sa_column=Column(String(6), nullable=False))
    stream_offset: int = Field(sa_column=big_column())
    lines_before: int = Field(sa_column=big_column())
    size: int = Field(sa_column=Column(Integer, nullable=False))
    at: datetime = Field(sa_column=time_column())
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
