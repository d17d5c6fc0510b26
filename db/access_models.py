"""Tables of sign-in sessions, personal tokens, grants, server tags, provider identities and sign-in codes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.columns import BigId, id_column, name_type, reference, time_column


class Session(SQLModel, table=True):
    """One sign-in of a user. Only the refresh token `refresh_id` is valid; each use replaces it with a new one.

    `previous_id` is the refresh token before it, replaced at `rotated_at`.
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
    """A token that a user made for a program. Only its SHA-256 is stored; `scope` limits what the program may do."""

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


class Grant(SQLModel, table=True):
    """A user's role on one server or on every server with a tag, in addition to the user's own role.

    Exactly one of `server_id` and `tag` is set. `created_by` is the user who last wrote the grant; None if a command on
    the machine itself wrote it.
    """

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("user_id", "server_id", name="uq_grants_server"),
        UniqueConstraint("user_id", "tag", name="uq_grants_tag"),
        CheckConstraint("(server_id IS NULL) <> (tag IS NULL)", name="ck_grants_place"),
    )

    id: int = Field(sa_column=id_column())
    user_id: int = Field(sa_column=reference("users.id"))
    server_id: int | None = Field(sa_column=reference("servers.id", nullable=True))
    tag: str | None = Field(sa_column=Column(String(64)))
    role: str = Field(sa_column=Column(String(16), nullable=False))
    created_by: int | None = Field(sa_column=reference("users.id", nullable=True))
    created_at: datetime = Field(sa_column=time_column())


class ServerTag(SQLModel, table=True):
    """One tag of a server, copied from `servers.tags` so that an index can find servers by tag."""

    __tablename__ = "server_tags"
    __table_args__ = (Index("ix_server_tags_tag", "tag", "server_id"),)

    server_id: int = Field(sa_column=Column(BigId, ForeignKey("servers.id"), primary_key=True, autoincrement=False))
    tag: str = Field(sa_column=Column(String(64), primary_key=True))


class Identity(SQLModel, table=True):
    """A subject of an identity provider (`issuer`, `subject`) and the local user that it belongs to.

    `told_at` is the time at which the provider issued the newest token that decided the user's role.
    """

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index("ix_identities_user", "user_id", "id"))

    id: int = Field(sa_column=id_column())
    issuer: str = Field(sa_column=Column(String(255), nullable=False))
    subject: str = Field(sa_column=Column(String(255), nullable=False))
    user_id: int = Field(sa_column=reference("users.id"))
    told_at: datetime = Field(sa_column=time_column())
    created_at: datetime = Field(sa_column=time_column())


class SignInCode(SQLModel, table=True):
    """A single-use code that signs in a user after the identity provider did. Only its SHA-256 is stored."""

    __tablename__ = "sign_in_codes"

    hash: str = Field(sa_column=Column(String(64), primary_key=True))
    identity_id: int = Field(sa_column=reference("identities.id"))
    expires_at: datetime = Field(sa_column=time_column())
