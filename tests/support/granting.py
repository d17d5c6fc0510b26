"""A desk with two servers, a task and a waiting run on each, and a user who has only what is granted to them."""

from dataclasses import dataclass

import pytest

from db.access_models import Grant
from db.models import Server, Task, TaskExecution
from db.servers import by_ids as servers_by_ids
from db.values import Role
from resolvers import executions, grants
from resolvers.context import Context
from tests.support.desk import Desk


@dataclass(frozen=True, slots=True)
class Place:
    """A server and what is on it."""

    server: Server
    task: Task
    run: TaskExecution


@dataclass(frozen=True, slots=True)
class Granting:
    """`here` is server 1, `there` server 2 with the tag `web`."""

    desk: Desk
    here: Place
    there: Place

    @property
    def ctx(self) -> Context:
        """Of the user whose own role is none."""
        return self.desk.as_a(Role.NONE)

    async def grant(self, role: Role, place: Place | None = None, *, tag: str | None = None) -> Grant:
        user, server_id = self.desk.users[Role.NONE], None if place is None else place.server.id
        return await grants.give(self.desk.admin, user.id, server_id, tag, role)

    async def revoke(self, grant: Grant) -> None:
        await grants.revoke(self.desk.admin, grant.id)


@pytest.fixture
async def granting(either_desk: Desk) -> Granting:
    """On SQLite and on PostgreSQL."""
    places = []
    await either_desk.server(name="there", tags=["web"])
    for id in (1, 2):
        task = (await either_desk.task(name=f"task {id}", server_id=id)).task
        run = await executions.run_command(either_desk.operator, either_desk.command(server_id=id))
        (server,) = await either_desk.service.store.read(servers_by_ids, [id])
        places.append(Place(server, task, run))
    return Granting(either_desk, *places)
