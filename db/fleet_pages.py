"""Pages of the members and executions of several fleet runs at once, each in one statement."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, select, true

from db import fleets, rows
from db import page as pages
from db.execution_filters import ExecutionFilter, build_all_conditions
from db.execution_plans import plan_by_owner
from db.fleet_models import FleetMember, FleetRun
from db.fleets import MemberFilter
from db.models import TaskExecution
from db.page import Window

runs = rows.get_table(FleetRun)
members = rows.get_table(FleetMember)
executions = rows.get_table(TaskExecution)


def page_members(conn: Connection, ids: Sequence[int], filter: MemberFilter, window: Window) -> dict[int, list[Any]]:
    """Return up to limit + 1 members of each fleet run in order of their servers' ids, which are their `id` here."""
    where = [*fleets.build_member_conditions(filter), *fleets.build_member_range(window)]
    inner = select(members.c.position).where(members.c.fleet_run_id == runs.c.id, *where)
    ordered = inner.order_by(members.c.server_id.desc() if window.backward else members.c.server_id)
    of_one, shown = ordered.limit(window.limit + 1).correlate(runs), members.alias()
    query = select(*shown.c, shown.c.server_id.label("id")).where(runs.c.id.in_(ids)).order_by(shown.c.server_id)
    if conn.dialect.name == "postgresql":
        part = of_one.lateral()
        same = and_(shown.c.fleet_run_id == runs.c.id, shown.c.position == part.c.position)
        query = query.select_from(runs.join(part, true()).join(shown, same))
    else:
        query = query.select_from(
            runs.join(shown, and_(shown.c.fleet_run_id == runs.c.id, shown.c.position.in_(of_one)))
        )
    found: dict[int, list[Any]] = {id: [] for id in ids}
    for row in conn.execute(query):
        found[row.fleet_run_id].append(row)
    return found


def count_members(conn: Connection, ids: Sequence[int], filter: MemberFilter) -> dict[int, int]:
    query = select(members.c.fleet_run_id, func.count()).where(members.c.fleet_run_id.in_(ids))
    found = conn.execute(query.where(*fleets.build_member_conditions(filter)).group_by(members.c.fleet_run_id))
    return dict.fromkeys(ids, 0) | {row[0]: row[1] for row in found}


def page_executions(
    conn: Connection, ids: Sequence[int], filter: ExecutionFilter, window: Window
) -> dict[int, list[TaskExecution]]:
    where = build_all_conditions(plan_by_owner(filter))
    return pages.page_each(conn, TaskExecution, executions.c.fleet_run_id, ids, where, window, owners=runs)


def count_executions(conn: Connection, ids: Sequence[int], filter: ExecutionFilter) -> dict[int, int]:
    return pages.count_each(conn, TaskExecution, executions.c.fleet_run_id, ids, build_all_conditions(filter))
