"""Column types and column constructors that the tables share."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    String,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.types import TypeEngine


class UtcTime(TypeDecorator[datetime]):
    """A time with a zone, stored and returned in UTC on every database. ValueError for a time without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def format_time(value: datetime) -> str:
    """Return the moment in RFC 3339, in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class JsonText(TypeDecorator[Any]):
    """A list or an object, stored as JSON in a text column on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


# SQLite assigns ids only to a column declared INTEGER; its integers are 64 bits wide in any case.
BigId = BigInteger().with_variant(Integer, "sqlite")


def name_type(longest: int) -> TypeEngine[str]:
    """Return a text type that sorts by code points on every database, whatever the locale of PostgreSQL."""
    return String(longest).with_variant(String(longest, collation="C"), "postgresql")


def id_column() -> Column[int]:
    return Column("id", BigId, primary_key=True, autoincrement=True)


def reference(target: str, *, nullable: bool = False) -> Column[int]:
    """Return a 64-bit foreign key to `target` ("table.column")."""
    return Column(BigId, ForeignKey(target), nullable=nullable)


def time_column(*, nullable: bool = False) -> Column[datetime]:
    return Column(UtcTime, nullable=nullable)


def big_column(default: int = 0) -> Column[int]:
    return Column(BigInteger, nullable=False, default=default, server_default=str(default))


def flag_column() -> Column[bool]:
    return Column(Boolean, nullable=False, default=False, server_default=false())


def json_column(empty: Callable[[], Any], text: str) -> Column[Any]:
    """Return a JSON column with the default `empty()`; `text` is the same default as JSON text."""
    return Column(JsonText, nullable=False, default=empty, server_default=text)
