"""Fleet runs for tests: servers that nothing is ever run on, and requests in few words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from db import servers
from db.fleet_models import FleetRun
from db.fleets import MemberFilter
from db.models import Server
from resolvers import fleet_starts, fleets
from resolvers.context import Context
from resolvers.fleet_inputs import FleetCommand, FleetRequest, StartFleetRun
from resolvers.inputs import SelectServers
from resolvers.paging import PageRequest
from tests.support.desk import NOON, Desk

SELECTOR = ("ids", "tags_all", "tags_any", "tags_none", "name_contains")


async def add_servers(desk: Desk, number: int, **changes: Any) -> list[Server]:
    """Servers with the tag `web`, or others, named by their tags: `web-0` and so on."""
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": 22, "username": "root", "tags": ["web"], "credential": b""}
    usual |= {"host_keys": [desk.host_key], "credential_kind": "key", "max_parallel": 10, "run_mode": "durable"}
    usual |= {"enabled": True, "created_by": 1, "created_at": NOON, "updated_at": NOON} | changes

    def add(conn: Connection) -> list[Server]:
        return [servers.insert(conn, usual | {"name": f"{'-'.join(usual['tags'])}-{at}"}) for at in range(number)]

    return await desk.service.store.run(add)


def ask(command: str | None = "uptime", *, task_id: int | None = None, **more: Any) -> FleetRequest:
    """The request for a command or a task on servers that are selected by the further arguments."""
    selector = SelectServers(**{name: more.pop(name) for name in SELECTOR if name in more})
    wanted = None if command is None or task_id is not None else FleetCommand(command=command, **more)
    return FleetRequest(command=wanted, task_id=task_id, selector=selector)


async def start(
    desk: Desk, ctx: Context | None = None, *, terms: dict[str, Any] | None = None, **more: Any
) -> FleetRun:
    """Start one as an operator; `terms` are those of StartFleetRun."""
    wanted = StartFleetRun(request=ask(**more), **terms or {})
    return await fleet_starts.start(desk.operator if ctx is None else ctx, wanted)


async def list_members(desk: Desk, id: int, **more: Any) -> list[Any]:
    """The first 100 members of a fleet run, in order of their servers' ids."""
    page = await fleets.page_members(desk.viewer, MemberFilter(id, **more), PageRequest(first=100))
    return list(page.rows)


@contextmanager
def count_statements() -> Iterator[list[str]]:
    """Every statement that SQLAlchemy sends while the block runs; one with many sets of values is one."""
    found: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
