"""The metrics: that they tell what happened, over a real service, real SSH and real HTTP."""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db.sqlite_store import SqliteStore
from sshcast import metrics_loop, metrics_queue
from sshcast.metrics import Metrics
from tests.support.exposition import Exposition, check_by_promtool, scrape
from tests.support.postgres import Postgres, postgres
from tests.support.service import Running, running
from tests.support.waiting import until_async

__all__ = ["postgres"]

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parent.parent.parent / "docs"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>[^|]*)\|", re.MULTILINE)
POSTGRES_ONLY = {"sshcast_database_connections"}
RUN = """mutation ($command: String!) {
  runCommand(input: {serverId: 1, command: $command, wait: 20}) { execution { id state } errors { message } }
}"""
WATCH = "subscription ($id: ID!) { executionOutput(executionId: $id) { __typename } }"


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("measured"), drive=True) as found:
        yield found


async def run(api: Running, command: str) -> str:
    payload = (await api.data(RUN, command=command))["runCommand"]
    assert payload["errors"] == []
    return str(payload["execution"]["id"])


async def test_a_run_counts_by_its_state_and_reason_with_its_wait_its_claim_and_its_output(api: Running) -> None:
    before = await scrape(api)
    await run(api, "echo twelve chars")
    await run(api, "exit 3")
    after = await scrape(api)

    def grown(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert grown("sshcast_runs_finished_total", state="SUCCESS", reason="EXIT_STATUS") == 1
    assert grown("sshcast_runs_finished_total", state="FAILED", reason="EXIT_STATUS") == 1
    assert grown("sshcast_run_wait_seconds_count") == 2
    assert grown("sshcast_claim_seconds_count") >= 2
    assert grown("sshcast_output_stored_bytes_total") == len("twelve chars\n")
    assert after.value("sshcast_ssh_connections") >= 1
    assert after.value("sshcast_runs_pending") == 0


async def test_output_that_comes_while_a_run_goes_on_is_counted_where_it_is_flushed(api: Running) -> None:
    before = await scrape(api)
    await run(api, "head -c 300000 /dev/zero; sleep 0.3; echo end")
    after = await scrape(api)
    stored = "sshcast_output_stored_bytes_total"
    assert after.value(stored) - before.value(stored) == 300_004
    flushes = "sshcast_output_flush_seconds_count"
    assert after.value(flushes) > before.value(flushes)


async def test_what_runs_and_what_waits_is_shown_now_and_no_more_once_it_has_ended(api: Running) -> None:
    running = asyncio.create_task(run(api, "sleep 1.5"))

    async def is_shown() -> bool:
        found = await scrape(api)
        return found.value("sshcast_runs_running") == 1 and found.value("sshcast_ssh_channels") == 1

    async def is_gone() -> bool:
        return (await scrape(api)).value("sshcast_runs_running") == 0

    await until_async(is_shown)
    await running
    await until_async(is_gone)


async def test_streams_are_counted_by_their_transport_while_they_are_open(api: Running) -> None:
    id = await run(api, "echo followed")
    before = await scrape(api)
    form = {"Accept": "text/event-stream", **api.as_user("operator")}
    async with api.http.stream("GET", f"/api/task/{id}/log", headers=form) as answer:
        sent = len(await answer.aread())
    async with api.socket() as socket:
        assert [event async for event in socket.follow(WATCH, id=id)]
        assert (await scrape(api)).value("sshcast_streams", transport="websocket") == 1
    after = await scrape(api)
    assert after.value("sshcast_streamed_bytes_total", transport="sse") - before.value(
        "sshcast_streamed_bytes_total", transport="sse"
    ) == pytest.approx(sent)
    assert after.value("sshcast_streamed_bytes_total", transport="websocket") > 0
    assert after.value("sshcast_streams", transport="sse") == 0


async def test_a_stream_that_is_followed_is_a_watcher_until_its_client_leaves(api: Running) -> None:
    running = asyncio.create_task(run(api, "sleep 1"))

    async def count_watchers() -> float:
        return (await scrape(api)).value("sshcast_watchers")

    async def is_watched() -> bool:
        return await count_watchers() == 1

    async def is_left() -> bool:
        return await count_watchers() == 0

    async with api.socket() as socket:
        await socket.subscribe("subscription { events { __typename } }")
        await until_async(is_watched)
    await until_async(is_left)
    await running


async def test_requests_count_by_the_template_of_their_route_and_never_by_what_was_asked(api: Running) -> None:
    before = (await scrape(api)).label_values()
    for path in ("/api/tasks/987654321", "/nothing/at/all/secret-path", "/api/task/123456/log"):
        await api.ask("GET", path, "viewer")
    await api.http.get("/healthz", headers={"Host": "evil.example.com"})
    found = await scrape(api)
    assert found.value("sshcast_http_requests_total", route="/api/task/{id}/log", status="4xx") >= 1
    assert found.value("sshcast_http_requests_total", route="unmatched", status="4xx") >= 2
    assert not [value for value in found.label_values() - before if re.search(r"987654321|secret|evil|123456", value)]


async def test_no_label_holds_a_name_or_an_id_whatever_is_run_and_by_whom(api: Running) -> None:
    id = await run(api, "echo here")
    values = (await scrape(api)).label_values()
    assert not values & {api.server.name, id, *(user.name for user in api.users.values()), api.server.host}
    states, routes = re.compile(r"[A-Z_]+|[a-z-]+|\dxx|[\d.]+(e[+-]\d+)?|\+Inf"), re.compile(r"/[\w/{}:.-]*")
    assert [value for value in values if not (states.fullmatch(value) or routes.fullmatch(value))] == []


async def test_a_due_slot_counts_by_its_outcome_and_how_late_it_was(api: Running) -> None:
    task = """mutation { createTask(input: {name: "each second", command: "true", serverId: 1,
      cronExpr: "* * * * * *"}) { task { id } errors { message } } }"""
    created = (await api.data(task))["createTask"]
    assert created["errors"] == []

    async def has_fired() -> bool:
        return (await scrape(api)).value("sshcast_schedule_slots_total", outcome="fired") >= 1

    await until_async(has_fired, 30)
    found = await scrape(api)
    late = "sshcast_schedule_lateness_seconds"
    assert found.value(f"{late}_count") >= 1
    assert found.value(f"{late}_sum") < 30 * found.value(f"{late}_count")
    await api.data(
        "mutation ($id: ID!) { deleteTask(input: {id: $id}) { errors { message } } }", id=created["task"]["id"]
    )


async def test_a_loop_that_is_kept_busy_is_told_by_how_late_its_timers_run(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_loop, "PAUSE_SECONDS", 0.02)
    metrics, lag = Metrics(api.service), "sshcast_event_loop_lag_seconds"
    async with metrics_loop.measure_loop(metrics):
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        busy = loop.time() + 0.3
        while loop.time() < busy:
            pass
        await asyncio.sleep(0.05)
    assert (metrics.registry.get_sample_value(f"{lag}_sum") or 0) > 0.2
    assert (metrics.registry.get_sample_value(f"{lag}_count") or 0) >= 2


async def test_two_services_of_one_process_count_for_themselves(api: Running, tmp_path: Path) -> None:
    async with running(tmp_path) as other:
        await scrape(other)
        found = await scrape(other)
    assert found.value("sshcast_http_requests_total", route="/metrics", status="2xx") == 1


async def test_the_queue_is_read_once_however_many_scrape_and_its_figures_are_the_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = SqliteStore.read

    async def counted(store: SqliteStore, fn: object, *args: object) -> object:
        reads.append(getattr(fn, "__module__", ""))
        return await read(store, fn, *args)  # type: ignore[arg-type]

    async with running(tmp_path) as api:
        ask = """mutation { runCommand(input: {serverId: 1, command: "true"}) { errors { message } } }"""
        for _ in range(3):
            await api.data(ask)
        monkeypatch.setattr(SqliteStore, "read", counted)
        found = await asyncio.gather(*(scrape(api) for _ in range(20)))
    assert {each.value("sshcast_runs_pending") for each in found} == {3}
    assert all(0 <= each.value("sshcast_runs_pending_oldest_seconds") < 60 for each in found)
    assert reads.count("db.queue_state") == 1


async def test_a_database_that_does_not_answer_leaves_the_queue_unknown_and_all_else_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_queue, "PATIENCE_SECONDS", 0.2)
    async with running(tmp_path) as api:
        release = asyncio.Event()

        async def hang(*args: object) -> None:
            await release.wait()

        monkeypatch.setattr(SqliteStore, "read", hang)
        found = await scrape(api)
        release.set()
    assert math.isnan(found.value("sshcast_runs_pending"))
    assert found.value("sshcast_runs_running") == 0


async def test_what_is_exposed_is_valid_by_promtool_and_has_what_the_documents_tell(api: Running) -> None:
    await run(api, "echo measured")
    found = await scrape(api)
    assert check_by_promtool("check", "metrics", given=found.text) == ""


@pytest.mark.parametrize("name", ["operations.md", "operations.zh.md"])
async def test_the_documents_table_lists_exactly_what_is_exposed(api: Running, name: str) -> None:
    found = await scrape(api)
    listed = list_documented(name)
    assert {each[0] for each in listed} - POSTGRES_ONLY == found.names
    types, labels = found.types, found.labels
    for metric, kind, given in listed:
        if metric not in POSTGRES_ONLY:
            assert (types[metric], labels[metric]) == (kind, given), metric


def list_documented(name: str) -> list[tuple[str, str, set[str]]]:
    """The name, type and labels of each metric of the table."""
    table = (DOCS / name).read_text().partition("<!-- metrics:")[2].partition("<!-- /metrics -->")[0]
    return [(row["name"], row["type"], set(re.findall(r"`(\w+)`", row["labels"]))) for row in ROW.finditer(table)]


@pytest.mark.parametrize("name", ["operations.md", "operations.zh.md"])
def test_the_documents_alerts_are_rules_of_prometheus_on_metrics_that_there_are(name: str, tmp_path: Path) -> None:
    rules = (DOCS / name).read_text().partition("```yaml\ngroups:")[2].partition("```")[0]
    documented = {each[0] for each in list_documented(name)}
    used = {re.sub("_(bucket|count|sum)$", "", each) for each in re.findall(r"\b(?:sshcast|process)_\w+", rules)}
    assert used <= documented
    (tmp_path / "rules.yaml").write_text("groups:" + rules)
    assert "9 rules found" in check_by_promtool("check", "rules", str(tmp_path / "rules.yaml"))


async def test_on_postgresql_the_connections_in_use_are_counted_too(postgres: Postgres, tmp_path: Path) -> None:
    async with postgres.database() as url, running(tmp_path, database_url=url) as api:
        found: Exposition = await scrape(api)
        assert {each[0] for each in list_documented("operations.md")} == found.names
        assert found.value("sshcast_database_connections") >= 0
        assert found.value("sshcast_runs_pending") == 0
        await api.data("""mutation { runCommand(input: {serverId: 1, command: "true"}) { errors { message } } }""")

        async def is_counted() -> bool:
            return (await scrape(api)).value("sshcast_runs_pending") == 1

        await until_async(is_counted)
