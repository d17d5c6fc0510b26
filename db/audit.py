"""Queries on `audit_events`: each event carries the hash of the event before it, so that a later change is detected."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    bindparam,
    exists,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql

from db import page as pages
from db import rows
from db.audit_models import AuditEvent
from db.page import Window
from db.prepared import Prepared
from db.values import AuditKind, ObjectKind
from db.writer_memory import get_memory

audit_events = rows.get_table(AuditEvent)
CHAIN = 0x55C2
START = "0" * 64
NEWEST = "newest audit event"
HOLDER = "transaction that appends"
COLUMNS = tuple(column.name for column in audit_events.c if column.name != "hash")
# Built once: every audited change runs some of these statements.
HEAD = Prepared(select(audit_events.c.id, audit_events.c.hash).order_by(audit_events.c.id.desc()).limit(1))
INSERT = Prepared(insert(audit_events))
LOCK = Prepared(text("SELECT pg_advisory_xact_lock(:chain)"))


def _build_extension() -> Insert:
    """Build PostgreSQL's INSERT of an event behind another, which does nothing unless that one ends the chain.

    The lock is not waited for. Whoever has it appends alone: an event that is there without a successor is the newest.
    """
    values = [bindparam(column.name, type_=column.type) for column in audit_events.c]
    last = exists().where(
        audit_events.c.id == bindparam("last", type_=audit_events.c.id.type),
        audit_events.c.hash == bindparam("previous", type_=audit_events.c.previous.type),
    )
    found = select(*values).where(func.pg_try_advisory_xact_lock(bindparam("chain", type_=BigInteger)), last)
    return postgresql.insert(audit_events).from_select(list(audit_events.c), found).on_conflict_do_nothing()


EXTEND = Prepared(_build_extension())


@dataclass(frozen=True, slots=True)
class Link:
    """The id and hash of an event in the chain."""

    id: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An audit event before `append` gives it an id and hashes. `before` and `after` must hold no secrets."""

    kind: AuditKind
    at: datetime
    actor_id: int | None = None
    actor: str | None = None
    address: str = ""
    object_kind: ObjectKind | None = None
    object_id: int | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Conditions on audit events; None means no condition. The time range includes both ends."""

    kinds: tuple[str, ...] | None = None
    actor_id: int | None = None
    object_kind: str | None = None
    object_id: int | None = None
    at_from: datetime | None = None
    at_to: datetime | None = None


def append(conn: Connection, entry: Entry) -> Link:
    """Write an event at the end of the chain and return its id and hash. Call it last in a transaction.

    On PostgreSQL it takes a lock that is held until the commit, so that appends run one after the other. Ids therefore
    follow the order of commits without a gap: a reader that has seen one id has missed no earlier event.
    """
    if conn.dialect.name == "postgresql":
        return _append_on_postgres(conn, entry)
    memory = get_memory(conn)
    made = _insert_behind(conn, memory.get(NEWEST) or find_head(conn), entry)
    memory[NEWEST] = made  # only now: the INSERT, like any change of the table, makes the writer forget
    return made


def _append_on_postgres(conn: Connection, entry: Entry) -> Link:
    """Append behind what this process appended last, in one statement; or behind the head, under the lock.

    What is remembered may be rolled back, or not be the newest any more: then EXTEND does nothing.
    """
    memory = get_memory(conn)
    tried = None if _is_held_elsewhere(conn, memory) else memory.get(NEWEST)
    made = None if tried is None else _extend(conn, tried, entry)
    if made is None:
        LOCK.change(conn, {"chain": CHAIN})
        last: Link | None = memory.get(NEWEST)  # somebody of this process may have appended while this waited
        made = None if last is None or last is tried else _extend(conn, last, entry)
    if made is None:
        made = _insert_behind(conn, find_head(conn), entry)
    memory[NEWEST] = made
    return made


def _is_held_elsewhere(conn: Connection, memory: dict[str, Any]) -> bool:
    """Note that this transaction takes the lock until it ends. Return whether another of this process has it or waits.

    That is a guess too: it only saves a try.
    """
    mine, other = conn.get_transaction(), memory.get(HOLDER)
    memory[HOLDER] = mine
    return other is not None and other is not mine and bool(other.is_active)


def _extend(conn: Connection, last: Link, entry: Entry) -> Link | None:
    values = _build_values(last, entry)
    made = Link(values["id"], values["hash"])
    return made if EXTEND.change(conn, values | {"last": last.id, "chain": CHAIN}) == 1 else None


def _insert_behind(conn: Connection, last: Link | None, entry: Entry) -> Link:
    values = _build_values(last or Link(0, START), entry)
    INSERT.change(conn, values)
    return Link(values["id"], values["hash"])


def _build_values(last: Link, entry: Entry) -> dict[str, Any]:
    """Return the columns of the event that follows `last`."""
    values: dict[str, Any] = {
        "id": last.id + 1,
        "at": entry.at,
        "kind": entry.kind,
        "actor_id": entry.actor_id,
        "actor": entry.actor,
        "address": entry.address,
        "object_kind": entry.object_kind,
        "object_id": entry.object_id,
        "before": _encode_json(entry.before),
        "after": _encode_json(entry.after),
        "previous": last.hash,
    }
    return values | {"hash": _hash_event(values)}


def _encode_json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True, default=_encode_value)


def _encode_value(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _hash_event(values: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of every column but `hash`, encoded as a JSON list in the table's order."""
    listed = [
        _encode_value(value) if isinstance(value, datetime) else value for value in (values[name] for name in COLUMNS)
    ]
    return hashlib.sha256(json.dumps(listed, ensure_ascii=True).encode()).hexdigest()


def find_head(conn: Connection) -> Link | None:
    """Return the id and hash of the newest event; None if there is no event."""
    row = HEAD.find_first(conn, {})
    return None if row is None else Link(row.id, row.hash)


def list_after(conn: Connection, id: int, limit: int) -> list[AuditEvent]:
    """Return up to `limit` events with an id above `id`, in order of ids."""
    query = select(audit_events).where(audit_events.c.id > id).order_by(audit_events.c.id).limit(limit)
    return rows.load_all(conn, query, AuditEvent)


def by_ids(conn: Connection, ids: Sequence[int]) -> list[AuditEvent]:
    return rows.by_ids(conn, AuditEvent, ids)


def find_first_broken(events: Iterable[AuditEvent], before: tuple[int, str]) -> int | None:
    """Return the id at which the chain breaks (a changed event or a gap); None if it is intact.

    `before` is the id and hash of the event that the first of these must follow.
    """
    id, hash = before
    for event in events:
        if event.id != id + 1 or event.previous != hash or _hash_event(event._mapping) != event.hash:  # type: ignore[attr-defined]
            return id + 1
        id, hash = event.id, event.hash
    return None


def page(conn: Connection, filter: AuditFilter, window: Window) -> list[AuditEvent]:
    return pages.page(conn, AuditEvent, _build_conditions(filter), window)


def count(conn: Connection, filter: AuditFilter) -> int:
    return pages.count(conn, AuditEvent, _build_conditions(filter))


def _build_conditions(filter: AuditFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.kinds is not None:
        found.append(audit_events.c.kind.in_(filter.kinds))
    for name in ("actor_id", "object_kind", "object_id"):
        if (value := getattr(filter, name)) is not None:
            found.append(audit_events.c[name] == value)
    if filter.at_from is not None:
        found.append(audit_events.c.at >= filter.at_from)
    if filter.at_to is not None:
        found.append(audit_events.c.at <= filter.at_to)
    return found
