"""Limits on the number of pending executions."""

from dataclasses import dataclass

from sqlalchemy import Connection

from db import executions
from resolvers.errors import RateLimited


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

    def check_many(self, conn: Connection, user_id: int, number: int) -> None:
        """Raise RateLimited if `number` more, on as many servers, would exceed a limit."""
        waiting = executions.estimate_pending(conn) + number
        if waiting > self.all and executions.has_pending_at_least(conn, max(1, self.all - number + 1)):
            raise _build_crowded_error(number, self.all)
        most = max(1, self.of_user - number + 1)
        if waiting > self.of_user and executions.has_pending_at_least(conn, most, user_id=user_id):
            raise _build_crowded_error(number, self.of_user)


def _build_crowded_error(number: int, most: int) -> RateLimited:
    return RateLimited(
        10,
        f"With these {number}, more than {most} executions would wait: try again shortly, or start in batches.",
        f"加上这 {number} 个，排队的执行将超过 {most} 个：请稍后再试，或分批启动。",
    )


def _build_full_error(en: str, zh: str) -> RateLimited:
    return RateLimited(10, f"{en} already: try again shortly.", f"{zh}，请稍后再试。")
