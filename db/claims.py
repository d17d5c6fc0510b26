"""Claim pending executions, within each server's limit and taking turns between servers and users.

The cost follows the number of (server, user) pairs with pending executions, not the length of their queues: the pairs
are found by hopping along `ix_executions_pending`, and only the first few executions of each pair are read.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from db import rows
from db.columns import UtcTime
from db.models import Server, TaskExecution
from db.prepared import Prepared
from db.values import State

executions = rows.get_table(TaskExecution)
servers = rows.get_table(Server)
LOCK = 0x55C0
LOCK_CLAIMS = Prepared(text("SELECT pg_advisory_xact_lock(:key)"))
ANY_PENDING = Prepared(select(executions.c.id).where(executions.c.state == literal_column("'PENDING'")).limit(1))
EACH = 16


def claim(
    conn: Connection, *, runner_id: str, at: datetime, limit: int, skip: Collection[int] = ()
) -> list[TaskExecution]:
    """Set up to `limit` pending executions to RUNNING for this runner, with a new fence, and return them in order.

    One call takes at most EACH executions of one user on one server: call again for more. `skip` holds ids of servers
    to leave out. Executions on a disabled or deleted server are claimed too, so that the runner can fail them.
    """
    postgres = conn.dialect.name == "postgresql"
    if postgres:
        LOCK_CLAIMS.change(conn, {"key": LOCK})
    given = {"most": limit, "runner": runner_id, "at": at}
    if skip:
        full = conn.execute(_build_claim(postgres, skips=True), given | {"skip": list(skip)})
        taken = cast("list[TaskExecution]", full.all())
    else:
        taken = _prepare_claim(postgres).find_all(conn, given)
    return _order_by_turn(taken) if len(taken) > 1 else list(taken)


def has_pending(conn: Connection) -> bool:
    """Return whether any execution is pending."""
    return ANY_PENDING.find_first(conn, {}) is not None


def _order_by_turn(taken: Sequence[TaskExecution]) -> list[TaskExecution]:
    """Return what one claim took in the order of the claim query: of each pair and server, it took the first."""
    of_pair: Counter[tuple[int, int]] = Counter()
    nth: dict[int, int] = {}
    for row in sorted(taken, key=lambda row: row.id):
        of_pair[row.server_id, row.created_by] += 1
        nth[row.id] = of_pair[row.server_id, row.created_by]
    of_server: Counter[int] = Counter()
    turn: dict[int, int] = {}
    for row in sorted(taken, key=lambda row: (nth[row.id], row.id)):
        of_server[row.server_id] += 1
        turn[row.id] = of_server[row.server_id]
    return sorted(taken, key=lambda row: (turn[row.id], row.id))


@cache
def _prepare_claim(postgres: bool) -> Prepared:
    return Prepared(_build_claim(postgres, skips=False))


@cache
def _build_claim(postgres: bool, *, skips: bool) -> ReturningUpdate[Any]:
    """Build the claim and keep it: building it costs more than running it."""
    found = ClaimQuery(postgres, skips).build().scalar_subquery()
    # PostgreSQL is told to look up the found ids one by one: with outdated statistics it would read every pending row.
    among = executions.c.id == any_(func.array(found)) if postgres else executions.c.id.in_(found)
    still_pending = executions.c.state.concat("") == State.PENDING
    taken = update(executions).where(among, still_pending)
    values = {"state": State.RUNNING, "runner_id": bindparam("runner"), "start_time": bindparam("at", type_=UtcTime)}
    return taken.values(**values, fence=executions.c.fence + 1).returning(*executions.c)


@dataclass(frozen=True, slots=True)
class ClaimQuery:
    """Builds the claim query for one of the databases. Its parameters: `most` (limit), and `skip` (server ids) if it
    `skips` any.
    """

    postgres: bool
    skips: bool

    def build(self) -> Select[Any]:
        """Select ids in turns: every server's n-th run before any server's n+1-th, and likewise among users."""
        each = self.select_first_runs(self.select_pairs())
        turn = func.row_number().over(partition_by=each.c.server_id, order_by=(each.c.nth, each.c.id)).label("turn")
        ranked = select(each.c.id, turn, each.c.room).subquery()
        within = select(ranked.c.id).where(ranked.c.turn <= ranked.c.room)
        return within.order_by(ranked.c.turn, ranked.c.id).limit(bindparam("most", type_=Integer))

    def select_pairs(self) -> CTE:
        """Select each (server_id, created_by) that has a pending execution, once."""
        columns = (executions.c.id, executions.c.server_id, executions.c.created_by)
        other = executions.alias()
        in_order = (other.c.server_id, other.c.created_by, other.c.id)
        first = select(other.c.id).where(self.match_state(other, State.PENDING)).order_by(*in_order).limit(1)
        pairs = select(*columns).where(executions.c.id == first.scalar_subquery()).cte("pairs", recursive=True)
        # Two hops, since for a comparison of (server, user) as one SQLite would scan the rest of the server's queue.
        next_user = first.where(other.c.server_id == pairs.c.server_id, other.c.created_by > pairs.c.created_by)
        next_server = first.where(other.c.server_id > pairs.c.server_id)
        following = func.coalesce(next_user.scalar_subquery(), next_server.scalar_subquery())
        return pairs.union_all(select(*columns).join(pairs, executions.c.id == following))

    def select_first_runs(self, pairs: CTE) -> Subquery:
        """Select the first EACH executions of each pair whose server has `room`; `nth` numbers them within the pair."""
        open_pairs = self.select_open_pairs(pairs)
        mine = executions.alias()
        of_pair = and_(
            self.match_state(mine, State.PENDING),
            mine.c.server_id == open_pairs.c.server_id,
            mine.c.created_by == open_pairs.c.created_by,
        )
        few = select(mine.c.id).where(of_pair).order_by(mine.c.id).limit(EACH)
        found: FromClause = few.lateral() if self.postgres else executions
        on = true() if self.postgres else executions.c.id.in_(few.scalar_subquery())
        pair = (open_pairs.c.server_id, open_pairs.c.created_by)
        nth = func.row_number().over(partition_by=pair, order_by=found.c.id).label("nth")
        first_runs = select(found.c.id, open_pairs.c.server_id, open_pairs.c.room, nth).join_from(open_pairs, found, on)
        return first_runs.where(open_pairs.c.room > 0).subquery()

    def select_open_pairs(self, pairs: CTE) -> Subquery:
        """Select the pairs whose server is not in `skip`, with `room`: how many more executions the server may run."""
        busy = (
            select(executions.c.server_id, func.count().label("running"))
            .where(self.match_state(executions, State.RUNNING))
            .group_by(executions.c.server_id)
            .subquery()
        )
        room = (servers.c.max_parallel - func.coalesce(busy.c.running, literal_column("0"))).label("room")
        found = (
            select(pairs.c.server_id, pairs.c.created_by, room)
            .join(servers, servers.c.id == pairs.c.server_id)
            .outerjoin(busy, busy.c.server_id == pairs.c.server_id)
        )
        if self.skips:
            found = found.where(pairs.c.server_id.not_in(bindparam("skip", expanding=True)))
        return found.subquery()

    def match_state(self, table: FromClause, state: State) -> ColumnElement[bool]:
        """Return the condition that a row is in `state`, written so that the partial index of that state is used.

        The state is a literal, since a bound parameter is not known when the query is planned. SQLite has no statistics
        of values; the likelihood hint keeps it from preferring an index over all states.
        """
        condition = table.c.state == literal_column(f"'{state}'")
        return condition if self.postgres else func.likelihood(condition, literal_column("0.99"))
