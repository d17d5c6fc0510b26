"""Plans answer every document as graphql-core does: the same data in the same order, and the same errors."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from db.models import TaskExecution
from db.rows import get_table
from db.values import Role
from schema.build import build_schema
from schema.engine import Answer, Engine
from schema.limits import Limits
from schema.operation import Operation
from schema.request import GraphQLRequest
from tests.support.granted import hide
from tests.support.listed_rows import add_executions, add_history, add_tasks
from tests.support.random_documents import DocumentWriter
from tests.support.sampling import choose_count
from tests.support.service import Running, running
from tests.support.walking import node_documents

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

PARTS = 4
DOCUMENTS = choose_count(16, 80)
"""How many documents each part has; each is asked with two choices of its variables."""
PICKED = "executions"
"""The root field that reads only what is selected: every other document has no other."""
TRIES = 20
"""How often graphql-core may try to give the same answer. It has one, but where two root fields refuse: both write that
to the audit first, and only the one that is done first is reported.
"""
WIDE = Limits(tokens=5000, fields=2000, depth=15, aliases=200, objects=1_000_000)
LARGE = 2**40

Shown = tuple[bytes, bool, list[str]]
"""The data, whether the request was refused, and the errors."""


class Pair:
    """The two ways to execute, on the same service."""

    def __init__(self, api: Running) -> None:
        self.api = api
        self.engines = [Engine(build_schema(), WIDE, compiling=compiling) for compiling in (True, False)]

    async def check(self, role: str, query: str, variables: Mapping[str, Any]) -> bool:
        """Fail if the answers differ. Return whether they have errors."""
        planned = await self._ask(0, role, query, variables)
        for _ in range(TRIES):
            usual = await self._ask(1, role, query, variables)
            if planned == usual:
                return bool(planned[2])
        raise AssertionError((query, dict(variables), planned, usual))

    async def _ask(self, engine: int, role: str, query: str, variables: Mapping[str, Any]) -> Shown:
        with capture_logs():
            asked = GraphQLRequest(query, dict(variables))
            answer = await self.engines[engine].run(asked, Operation(self.api.context(role)))
        assert isinstance(answer, Answer)
        return orjson.dumps(answer.data), answer.refused, list_errors(answer)


def list_errors(answer: Answer) -> list[str]:
    """The errors in their order, without the ids under which they are logged."""
    found = [error.formatted for error in answer.errors]
    for error in found:
        if "errorId" in error.get("extensions", {}):
            error["message"] = error["extensions"] = "masked"  # type: ignore[typeddict-item]
    return [orjson.dumps(error).decode() for error in found]


@pytest.fixture(scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Rows of each kind, some with values that their fields cannot show."""
    async with running(tmp_path_factory.mktemp("pair")) as api:
        ids = await add_tasks(api, 6, env={"B": "2", "A": "1"}, working_dir=lambda n: None if n % 2 else "/srv")
        for id in ids[:4]:
            await add_history(api, id, 3)
        await add_executions(api, 2, secret_env={"TOKEN": None, "KEY": "a key"})
        await api.service.store.run(lambda conn: hide(conn, api, ids[0]))
        odd = get_table(TaskExecution)
        await api.service.store.run(
            lambda conn: conn.execute(update(odd).where(odd.c.id == 3).values(attempt=LARGE)) and None
        )
        await api.service.store.run(
            lambda conn: conn.execute(update(odd).where(odd.c.id == 5).values(trigger="odd")) and None
        )
        yield Pair(api)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER, Role.NONE])
async def test_an_object_of_each_type_by_its_node_id_is_answered_alike(pair: Pair, role: Role) -> None:
    for query in node_documents(set(), [1, 2, 999_999]):
        await pair.check(role, query, {})


# Where a field of many fails at once, graphql-core leaves the coroutines of those beside it as they are.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.sampled
@pytest.mark.parametrize("part", range(PARTS))
async def test_random_documents_are_answered_alike(pair: Pair, part: int) -> None:
    errors = 0
    for seed in range(part * DOCUMENTS, (part + 1) * DOCUMENTS):
        writer = DocumentWriter(seed, [1, 2, 3, 5, 880_001, 999_999])
        query, role = writer.write(PICKED if seed % 2 else None), (Role.ADMIN, Role.VIEWER, Role.NONE)[seed % 3]
        for _ in range(2):
            errors += await pair.check(role, query, writer.variables())
    assert 0 < errors < 2 * DOCUMENTS
