"""Limits on the number of pending executions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db import executions
from resolvers.errors import RateLimited

MOST_NAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """The most executions that may be pending: in all, of one user, and for one server."""

    all: int
    of_user: int
    of_server: int

    def check(self, conn: Connection, user_id: int, server_id: int, waiting: int) -> None:
        """Raise RateLimited if one more would exceed a limit. `waiting` is an upper bound, see `estimate_pending`."""
        if waiting >= self.all and executions.has_pending_at_least(conn, self.all):
            raise _build_full_error(f"{self.all} executions wait", f"已有 {self.all} 个执行在排队")
        if waiting >= self.of_user and executions.has_pending_at_least(conn, self.of_user, user_id=user_id):
            raise _build_full_error(f"{self.of_user} executions of yours wait", f"您已有 {self.of_user} 个执行在排队")
        if waiting >= self.of_server and executions.has_pending_at_least(conn, self.of_server, server_id=server_id):
            raise _build_full_error(
                f"{self.of_server} executions wait for this server", f"此服务器已有 {self.of_server} 个执行在排队"
            )

    def check_many(self, conn: Connection, user_id: int, names: Mapping[int, str]) -> None:
        """Raise RateLimited if one more for each of these servers, which are named by their ids, would exceed a limit.

        At most four statements, whatever the number of servers.
        """
        number, before = len(names), executions.estimate_pending(conn)
        if _exceeds(conn, before, number, self.all):
            raise _build_crowded_error(number, self.all)
        if _exceeds(conn, before, number, self.of_user, user_id=user_id):
            raise _build_crowded_error(number, self.of_user)
        if before >= self.of_server:
            crowded = sorted(names.keys() & executions.list_crowded_servers(conn, self.of_server))
            if crowded:
                raise _build_crowded_servers_error(self.of_server, [names[id] for id in crowded])


def _exceeds(conn: Connection, before: int, number: int, most: int, user_id: int | None = None) -> bool:
    """Return whether more than `most` would be pending with `number` more. `before`: at least as many as are now."""
    room = most - number
    return room < 0 or (before > room and executions.has_pending_at_least(conn, room + 1, user_id=user_id))


def _build_crowded_servers_error(most: int, names: Sequence[str]) -> RateLimited:
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return RateLimited(
        10,
        f"{most} executions wait for each of these servers already: {shown}. Try again shortly, or select others.",
        f"以下服务器各已有 {most} 个执行在排队：{shown}。请稍后再试，或选择其他服务器。",
    )


def _build_crowded_error(number: int, most: int) -> RateLimited:
    return RateLimited(
        10,
        f"With these {number}, more than {most} executions would wait: try again shortly, or start in batches.",
        f"加上这 {number} 个，排队的执行将超过 {most} 个：请稍后再试，或分批启动。",
    )


def _build_full_error(en: str, zh: str) -> RateLimited:
    return RateLimited(10, f"{en} already: try again shortly.", f"{zh}，请稍后再试。")
