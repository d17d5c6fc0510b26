"""What a page costs: its statements, and none of graphql-core's work for each of its rows."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from graphql import FieldNode
from graphql.execution import Executor
from structlog.testing import capture_logs

from tests.support.listed_rows import add_history, add_tasks
from tests.support.service import Running
from tests.support.statements import counted, watched

pytestmark = pytest.mark.anyio

TEN = "id taskId serverId command state reason exitCode createdAt startTime endTime"
PAGE = f"""query($first: Int!) {{ executions(first: $first) {{ edges {{ node {{
  {TEN} envNames secretEnv {{ name }} server {{ name }} createdBy {{ name }}
  task {{ id name terms {{ overlap }} latestExecution {{ id state createdAt }} }}
}} }} pageInfo {{ endCursor }} }} }}"""
BY_GRAPHQL_CORE = """query($first: Int!) { executions(first: $first) { totalCount nodes {
  id task { executions(first: 1) { nodes { id state server { name } } } } findings { rule }
} } }"""
WRONG = "query($first: Int!) { executions(first: $first) { nodes { id attempt task { name } } } }"


@contextmanager
def executed() -> Iterator[Counter[str]]:
    """Count the fields that graphql-core executes while the block runs, by their names."""
    found: Counter[str] = Counter()
    usual = Executor.execute_field

    def count(self, parent_type, source, field_details_list, path, position_context):  # type: ignore[no-untyped-def]
        node: FieldNode = field_details_list[0].node
        found[node.name.value] += 1
        return usual(self, parent_type, source, field_details_list, path, position_context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Executor, "execute_field", count)
        yield found


async def add_page(api: Running) -> None:
    for task in await add_tasks(api, 10):
        await add_history(api, task, 10)


async def test_a_plain_page_takes_six_statements_and_graphql_core_executes_its_root_alone(fresh: Running) -> None:
    await add_page(fresh)
    await fresh.data(PAGE, first=1)
    counts: dict[int, list[int]] = {2: [], 100: []}
    for first in (2, 100) * 3:
        with executed() as fields, counted() as statements:
            page = await fresh.data(PAGE, first=first)
        assert len(page["executions"]["edges"]) == first
        assert fields == {"executions": 1}
        counts[first].append(len(statements))
    # Who asks; the executions; their servers, users and tasks; the newest execution of each task.
    # The least of three tries: after a heartbeat the caller is read again, and other services of this process read too.
    assert min(counts[2]) == min(counts[100]) <= 6, counts


async def test_graphql_core_executes_only_the_fields_that_no_plan_reads(fresh: Running) -> None:
    await add_page(fresh)
    with executed() as fields:
        await fresh.data(BY_GRAPHQL_CORE, first=100)
    # `findings` takes the caller's language, `executions` of a task takes arguments; a task is completed once.
    assert fields == {"executions": 1 + 10, "totalCount": 1, "findings": 100}


async def test_a_plan_that_fails_is_executed_again_by_graphql_core(fresh: Running) -> None:
    (task,) = await add_tasks(fresh, 1)
    await add_history(fresh, task, 3)
    await fresh.service.store.run(
        lambda conn: conn.exec_driver_sql("UPDATE task_executions SET attempt = 1 << 40") and None
    )
    with executed() as fields, capture_logs():
        body = await fresh.graphql(WRONG, first=3)
    assert body["data"] is None
    assert body["errors"][0]["path"] == ["executions", "nodes", 0, "attempt"]
    assert fields["attempt"] > 0


async def test_what_skip_and_include_leave_is_planned_for_each_choice(fresh: Running) -> None:
    await add_page(fresh)
    query = """query($a: Boolean!, $b: Boolean!) { executions(first: 1) { nodes {
      id @include(if: $a) state @skip(if: $b) ... @include(if: $b) { attempt } } } }"""
    for _ in range(2):
        for a in (True, False):
            for b in (True, False):
                with executed() as fields:
                    (node,) = (await fresh.data(query, a=a, b=b))["executions"]["nodes"]
                assert list(node) == ["id"] * a + (["attempt"] if b else ["state"])
                assert fields == {"executions": 1}


ONE_READ = """query { __typename executions(first: 100) { nodes {
  id state task { name server { name } latestExecution { id } }
  server { host } findings { rule } } pageInfo { endCursor } } }"""


async def test_a_page_reads_what_it_shows_and_what_that_refers_to_in_one_transaction(fresh: Running) -> None:
    await add_page(fresh)
    await fresh.data(ONE_READ)
    with watched() as traffic:
        page = await fresh.data(ONE_READ)
    assert len(page["executions"]["nodes"]) == 100
    # Other services of this process read at the same time, on connections of their own.
    (reader,) = {
        connection for connection, text in traffic.sent if "FROM task_executions" in text and "findings" in text
    }
    sent = [text for connection, text in traffic.sent if connection == reader]
    executions, *nested = [text for text in sent if text.startswith("SELECT") and "users" not in text]
    assert find_columns(executions) == {"id", "task_id", "server_id", "state", "findings"}
    by_table = {table: find_columns(text) for text in nested for table in TABLES if f"FROM {table}" in text[:200]}
    # The server of an execution and that of its task are the same rows.
    assert by_table == {
        "servers": {"id", "name", "host"},
        "tasks": {"id", "name", "server_id"},
        "task_executions": {"id", "task_id"},
    }
    assert sum(text.startswith("BEGIN") for text in sent) <= 1


TABLES = ("servers", "tasks", "task_executions")


def find_columns(statement: str) -> set[str]:
    """The columns that a statement selects."""
    selected = statement.partition("SELECT ")[2].partition("FROM ")[0]
    return {name.strip().rpartition(".")[2].strip('"') for name in selected.split(",")}


async def test_rows_that_fields_with_arguments_lead_to_have_all_that_is_shown_of_them(fresh: Running) -> None:
    await add_page(fresh)
    query = """{ executions(first: 2) { nodes { server { name } task { server { id }
      executions(first: 1) { nodes { server { host port } createdBy { name } } }
      nextRuns(count: 1) { slot } } policies { holds } createdBy { id } } } }"""
    for node in (await fresh.data(query))["executions"]["nodes"]:
        (below,) = node["task"]["executions"]["nodes"]
        assert below["server"]["port"]
        assert below["createdBy"]["name"]
        assert node["server"]["name"]
