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
from schema.engine import Answer, Engine, GraphQLRequest
from schema.limits import Limits
from schema.operation import Operation
from tests.support.granted import hide
from tests.support.listed_rows import add_executions, add_history, add_tasks
from tests.support.random_documents import DocumentWriter
from tests.support.service import Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

PARTS = 4
DOCUMENTS = 30
"""How many documents each part has; each is asked with three choices of its variables."""
WIDE = Limits(tokens=5000, fields=2000, depth=15, aliases=200, objects=1_000_000)
LARGE = 2**40


class Pair:
    """The two ways to execute, on the same service."""

    def __init__(self, api: Running) -> None:
        self.api = api
        self.engines = [Engine(build_schema(), WIDE, compiling=compiling) for compiling in (True, False)]

    async def check(self, role: str, query: str, variables: Mapping[str, Any]) -> bool:
        """Fail if the answers differ. Return whether they have errors."""
        shown = []
        for engine in self.engines:
            operation = Operation(self.api.context(role))
            with capture_logs():
                answer = await engine.run(GraphQLRequest(query, dict(variables)), operation)
            assert isinstance(answer, Answer)
            shown.append((orjson.dumps(answer.data), answer.refused, list_errors(answer)))
        planned, usual = shown
        if planned[0] == usual[0] == b"null" and planned[2] and usual[2]:
            # Refusals are written to the audit first, so either of two root fields may fail first.
            assert set(planned[2]) & set(usual[2]), (query, variables)
        else:
            assert planned == usual, (query, variables)
        return bool(planned[2])


def list_errors(answer: Answer) -> list[str]:
    """The errors, without the ids under which they are logged; those of a list may come in any order."""
    found = [error.formatted for error in answer.errors]
    for error in found:
        if "errorId" in error.get("extensions", {}):
            error["message"] = error["extensions"] = "masked"  # type: ignore[typeddict-item]
    return sorted(orjson.dumps(error).decode() for error in found)


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


@pytest.mark.parametrize("part", range(PARTS))
async def test_random_documents_are_answered_alike(pair: Pair, part: int) -> None:
    errors = 0
    for seed in range(part * DOCUMENTS, (part + 1) * DOCUMENTS):
        writer = DocumentWriter(seed, [1, 2, 3, 5, 880_001, 999_999])
        query, role = writer.write(), (Role.ADMIN, Role.VIEWER, Role.NONE)[seed % 3]
        for _ in range(3):
            errors += await pair.check(role, query, writer.variables())
    assert 0 < errors < 3 * DOCUMENTS
