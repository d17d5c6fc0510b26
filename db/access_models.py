"""The tables of what callers show of themselves."""

from datetime import datetime

from sqlalchemy import Column, Index, String
from sqlmodel import Field, SQLModel

from db.columns import id_column, name_type, reference, time_column


class Session(SQLModel, table=True):
    """A sign-in and what follows from it. One refresh token is good at a time, `refresh_id`; each use replaces it.

    `previous_id` is the one before, replaced at `rotated_at`.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user", "user_id", "id"),)

    id: int = Field(sa_column=id_column())
    user_id: int = Field(sa_column=reference("users.id"))
    refresh_id: str = Field(sa_column=Column(String(32), nullable=False))
    previous_id: str | None = Field(sa_column=Column(String(32)))
    rotated_at: datetime = Field(sa_column=time_column())
    address: str = Field(sa_column=Column(String(64), nullable=False))
    created_at: datetime = Field(sa_column=time_column())
    expires_at: datetime = Field(sa_column=time_column())
    ended_at: datetime | None = Field(sa_column=time_column(nullable=True))


class PersonalToken(SQLModel, table=True):
    """A token that a user has made for a program. Only its SHA-256 is kept; `scope` bounds what it may do."""

    __tablename__ = "personal_tokens"
    __table_args__ = (Index("ix_personal_tokens_user", "user_id", "id"),)

    id: int = Field(sa_column=id_column())
    user_id: int = Field(sa_column=reference("users.id"))
    name: str = Field(sa_column=Column(name_type(100), nullable=False))
    hash: str = Field(sa_column=Column(String(64), nullable=False, unique=True))
    scope: str = Field(sa_column=Column(String(8), nullable=False))
    created_at: datetime = Field(sa_column=time_column())
    expires_at: datetime = Field(sa_column=time_column())
    revoked_at: datetime | None = Field(sa_column=time_column(nullable=True))
