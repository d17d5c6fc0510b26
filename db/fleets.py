"""Queries on `fleet_runs` and `fleet_members`: reads, and inserting a fleet run with its members."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from db import page as pages
from db import rows
from db.fleet_models import FleetMember, FleetRun
from db.models import TaskExecution
from db.page import Window
from db.values import FleetState, MemberState
from db.visibility import EVERYTHING, VisibilityScope

runs = rows.get_table(FleetRun)
members = rows.get_table(FleetMember)
executions = rows.get_table(TaskExecution)


@dataclass(frozen=True, slots=True)
class FleetRunFilter:
    """Conditions on fleet runs; None means no condition. `visibility` limits the result to those with a visible member.

    The creation's range includes both ends.
    """

    states: tuple[str, ...] | None = None
    task_id: int | None = None
    created_by: int | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    visibility: VisibilityScope = EVERYTHING


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """The members of one fleet run that are in one of these states (None: any), on visible servers.

    Without a fleet run: of those that are named beside it.
    """

    fleet_run_id: int | None = None
    states: tuple[str, ...] | None = None
    visibility: VisibilityScope = EVERYTHING


def insert_once(conn: Connection, values: Mapping[str, Any]) -> FleetRun | None:
    """Insert a fleet run; None if the user has one under this idempotency key."""
    statement = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert(runs).values(**values)
    made = statement.on_conflict_do_nothing(index_elements=("created_by", "idempotency_key")).returning(*runs.c)
    return cast("FleetRun | None", conn.execute(made).first())


def insert_members(conn: Connection, found: Sequence[Mapping[str, Any]]) -> None:
    """Insert the members of a fleet run: each with its position, server, state and refusal."""
    conn.execute(insert(members), list(found))


def by_id(conn: Connection, id: int, visibility: VisibilityScope = EVERYTHING) -> FleetRun | None:
    return rows.find_first(conn, FleetRun, runs.c.id == id, *_match_visible(visibility))


def by_ids(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[FleetRun]:
    return rows.by_ids(conn, FleetRun, ids, *_match_visible(visibility))


def by_idempotency_key(conn: Connection, user_id: int, key: str) -> FleetRun | None:
    return rows.find_first(conn, FleetRun, runs.c.created_by == user_id, runs.c.idempotency_key == key)


def page(conn: Connection, filter: FleetRunFilter, window: Window) -> list[FleetRun]:
    return pages.page(conn, FleetRun, _build_conditions(filter), window)


def count(conn: Connection, filter: FleetRunFilter) -> int:
    return pages.count(conn, FleetRun, _build_conditions(filter))


def page_members(conn: Connection, filter: MemberFilter, window: Window) -> list[Any]:
    """Return up to limit + 1 members in order of their servers' ids, which are their `id` here."""
    found = [*_match_members(filter), *build_member_range(window)]
    order = members.c.server_id.desc() if window.backward else members.c.server_id
    query = select(*members.c, members.c.server_id.label("id")).where(*found).order_by(order).limit(window.limit + 1)
    shown = list(conn.execute(query).all())
    return shown[::-1] if window.backward else shown


def count_members(conn: Connection, filter: MemberFilter) -> int:
    return int(conn.scalar(select(func.count()).select_from(members).where(*_match_members(filter))) or 0)


def count_by_state(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[Row[Any]]:
    """Return the `number` of visible members by `fleet_run_id`, their state and that of their executions."""
    joined = members.outerjoin(executions, executions.c.id == members.c.execution_id)
    groups = (members.c.fleet_run_id, members.c.state.label("member"), executions.c.state.label("execution"))
    query = select(*groups, func.count().label("number")).select_from(joined).where(members.c.fleet_run_id.in_(ids))
    return list(
        conn.execute(
            query.where(*visibility.restrict(members.c.server_id)).group_by(
                members.c.fleet_run_id, members.c.state, executions.c.state
            )
        )
    )


def list_busy_tasks(conn: Connection, task_ids: Collection[int]) -> set[int]:
    """Return those of the tasks that have a fleet run that has not ended."""
    open_runs = select(runs.c.task_id).where(runs.c.state == literal_column("'RUNNING'"), runs.c.task_id.in_(task_ids))
    return set(conn.scalars(open_runs))


def list_server_ids(conn: Connection, id: int, *, refused: bool = False) -> list[int]:
    """Return the ids of all servers of a fleet run, without the refused ones unless they are asked for."""
    query = select(members.c.server_id).where(members.c.fleet_run_id == id)
    return list(conn.scalars(query if refused else query.where(members.c.state != MemberState.REFUSED)))


def list_servers_to_retry(
    conn: Connection, id: int, reasons: Sequence[str], *, not_started: bool, visibility: VisibilityScope = EVERYTHING
) -> list[int]:
    """Return the servers whose execution did not succeed for one of these reasons, and those not started if wanted."""
    joined = members.outerjoin(executions, executions.c.id == members.c.execution_id)
    found: ColumnElement[bool] = (executions.c.state != "SUCCESS") & executions.c.reason.in_(reasons)
    found &= members.c.state == MemberState.STARTED
    if not_started:
        found |= members.c.state.in_((MemberState.REFUSED, MemberState.NOT_STARTED))
    query = select(members.c.server_id).select_from(joined).where(members.c.fleet_run_id == id, found)
    return list(conn.scalars(query.where(*visibility.restrict(members.c.server_id)).order_by(members.c.position)))


def list_open_ids(conn: Connection, limit: int) -> list[int]:
    """Return the ids of fleet runs that have not ended, the oldest first."""
    is_open = runs.c.state == literal_column("'RUNNING'")  # worded as the partial index is
    return list(conn.scalars(select(runs.c.id).where(is_open).order_by(runs.c.id).limit(limit)))


def list_sealed_after(conn: Connection, id: int, limit: int) -> list[FleetRun]:
    """Return up to `limit` fleet runs with an id above `id` that hold sealed values, in order of ids."""
    holds = runs.c.sealed_env.is_not(None) | runs.c.sealed_stdin.is_not(None)
    query = select(runs).where(runs.c.id > id, runs.c.state == FleetState.RUNNING, holds)
    return rows.load_all(conn, query.order_by(runs.c.id).limit(limit), FleetRun)


def replace_sealed(conn: Connection, id: int, column: str, old: Any, new: Any) -> bool:
    """Replace a sealed value. Return False if the column no longer holds `old`."""
    return rows.change(conn, FleetRun, {column: new}, runs.c.id == id, runs.c[column] == old)


def _match_visible(visibility: VisibilityScope) -> list[ColumnElement[bool]]:
    seen = visibility.restrict(members.c.server_id)
    return [exists().where(members.c.fleet_run_id == runs.c.id, *seen)] if seen else []


def _match_members(filter: MemberFilter) -> list[ColumnElement[bool]]:
    return [members.c.fleet_run_id == filter.fleet_run_id, *build_member_conditions(filter)]


def build_member_conditions(filter: MemberFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on members of whichever fleet run."""
    states = [] if filter.states is None else [members.c.state.in_(filter.states)]
    return [*states, *filter.visibility.restrict(members.c.server_id)]


def build_member_range(window: Window) -> list[ColumnElement[bool]]:
    """Return the conditions on the servers' ids, by which members are ordered."""
    found: list[ColumnElement[bool]] = []
    if window.after is not None:
        found.append(members.c.server_id > window.after[1])
    if window.before is not None:
        found.append(members.c.server_id < window.before[1])
    return found


def _build_conditions(filter: FleetRunFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.states is not None:
        found.append(runs.c.state.in_(filter.states))
    for name in ("task_id", "created_by"):
        if getattr(filter, name) is not None:
            found.append(runs.c[name] == getattr(filter, name))
    if filter.created_from is not None:
        found.append(runs.c.created_at >= filter.created_from)
    if filter.created_to is not None:
        found.append(runs.c.created_at <= filter.created_to)
    return [*found, *_match_visible(filter.visibility)]
