"""One command on a fleet: `python -m bench.fleet [--alive 900] [--dead 100]`.

The servers are loopback addresses of one sshd; of the dead, half refuse connections and half accept them and say
nothing. The seconds count from `startFleetRun`: until every living server has ended, and until the last dead one was
given up. Memory is the service's own.
"""

import asyncio
import itertools
import shutil
import tempfile
import time
from argparse import ArgumentParser, Namespace
from base64 import b64decode
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

from bench.report import Report, add_arguments, publish
from bench.service import ADD_SERVER, BenchService, running_service
from db import fleets
from db.values import FleetState
from tests.support.clubak import run_clubak
from tests.support.fleet_ground import (
    Ask,
    Ground,
    add_all,
    expect_successes,
    has_ended,
    running_ground,
    start,
    wait_for,
)
from tests.support.service import Running, running
from tests.support.statements import watched
from tests.support.targets import Target

ALIVE, DEAD = 900, 100
COUNTED = 100
TAG = "fleet"
MEGABYTE = 1_000_000
PLAN = "query ($input: FleetRunPlanInput!) { fleetRunPlan(input: $input) { digest size refusedCount } }"
EVENTS = "{ events(first: 1) { totalCount } }"
GROUPS = """query ($id: ID!) { fleetRun(id: $id) {
  outputGroups(first: 10) { nodes { size state executions(first: 100) { nodes { id } } } } } }"""
OUTPUTS = """query ($id: ID!, $after: String) { fleetRun(id: $id) { executions(first: 100, after: $after) {
  pageInfo { hasNextPage endCursor } nodes { id server { host } output { base64 } } } } }"""


async def measure(report: Report, ground: Ground, service: BenchService) -> None:
    client = service.client()
    ask = partial(service.graphql, client)
    size, alive = len(ground.alive) + len(ground.dead), len(ground.alive)
    await _time(report, f"adding {size:,} servers", service, _add(ground, service))
    command = ground.write_command()
    wanted = {"work": {"command": {"command": command}}, "selector": {"nameContains": ""}}
    plan = (await _time(report, "the plan", service, ask(PLAN, input=wanted)))["fleetRunPlan"]
    before = await _count_events(ask)
    begun, used = time.perf_counter(), service.cpu_seconds()
    id = await _time(report, "starting it", service, start(ask, command, planDigest=plan["digest"]))
    living = await wait_for(ask, id, expect_successes(alive))
    _add_row(report, "until all living servers have ended", service, begun, used, living)
    ended = await wait_for(ask, id, has_ended, poll=1.0)
    _add_row(report, "until the dead are given up", service, begun, used, ended)
    assert ended["counts"]["success"] == alive, ended
    assert set(ground.count_starts().values()) == {1}, "a server was started twice"
    report.notes.append(f"Events: {(await _count_events(ask) - before) / size:.2f} a server.")
    found = await _time(report, "grouping the answers, first time", service, ask(GROUPS, id=id))
    await _time(report, "grouping the answers again", service, ask(GROUPS, id=id))
    report.notes.append(await _compare_groups(ask, id, ground, found["fleetRun"]["outputGroups"]["nodes"]))
    await client.close()


async def _count_events(ask: Ask) -> int:
    return int((await ask(EVENTS))["events"]["totalCount"])


async def _compare_groups(ask: Ask, id: str, ground: Ground, groups: list[dict[str, Any]]) -> str:
    """Compare the groups with those of `clubak`, and those of one member with the servers that answer otherwise."""
    runs = await _list_outputs(ask, id)
    theirs = run_clubak((int(each["id"]), b64decode(each["output"]["base64"])) for each in runs)
    ours = [each for each in groups if each["state"] == "SUCCESS"]
    shown = [(each["size"], {int(node["id"]) for node in each["executions"]["nodes"]}) for each in ours]
    assert sorted(size for size, _ in shown) == sorted(map(len, theirs)), (groups, theirs)
    assert all(any(size == len(each) and ids <= each for each in theirs) for size, ids in shown), "not clubak's groups"
    hosts = {int(each["id"]): each["server"]["host"] for each in runs}
    odd = {hosts[number] for size, ids in shown if size == 1 for number in ids}
    assert odd == set(ground.odd), (odd, ground.odd)
    return f"Groups of equal answers, as clubak's: {[size for size, _ in shown]}; the {len(odd)} odd servers are alone."


async def _list_outputs(ask: Ask, id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = (await ask(OUTPUTS, id=id, after=after))["fleetRun"]["executions"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def count_statements(folder: Path, ground: Ground) -> str:
    """Count what a fleet run on some of the living servers costs the database, in a service of this process."""
    targets = ground.alive[:COUNTED]
    async with running(folder, drive=True) as service:
        for target in targets:
            payload = (await service.data(ADD_SERVER, role="admin", server=_build_server(target)))["createServer"]
            assert payload["errors"] == [], payload
        with watched() as traffic:
            id = await start(service.data, "true", selector={"tagsAll": [TAG]})
            looks = await _wait_for_end(service, int(id))
    statements, writes = len(traffic.statements) - looks, traffic.count_write_transactions()
    return (
        f"The database, for each of {len(targets)} servers: {statements / len(targets):.1f} statements, "
        f"{writes / len(targets):.2f} write transactions."
    )


async def _wait_for_end(service: Running, id: int) -> int:
    """Wait for the end of a fleet run. Return how many statements that took."""
    for looks in itertools.count(1):
        run = await service.service.store.read(fleets.by_id, id)
        if run is not None and FleetState(run.state).is_final:
            return looks
        await asyncio.sleep(0.25)
    raise AssertionError("never")


def _build_server(target: Target) -> dict[str, Any]:
    return {
        "name": target.host,
        "host": target.host,
        "port": target.port,
        "username": target.username,
        "hostKeys": [target.host_key],
        "credential": {"privateKey": target.private_key},
        "tags": [TAG],
    }


async def _add(ground: Ground, service: BenchService) -> None:
    client = service.client()
    await add_all(ground, partial(service.add_server, client))
    await client.close()


async def _time(report: Report, what: str, service: BenchService, work: Awaitable[Any]) -> Any:
    begun, used = time.perf_counter(), service.cpu_seconds()
    found = await work
    _add_row(report, what, service, begun, used)
    return found


def _add_row(
    report: Report, what: str, service: BenchService, begun: float, used: float, run: dict[str, Any] | None = None
) -> None:
    report.add(
        what=what,
        seconds=time.perf_counter() - begun,
        cpu_seconds=service.cpu_seconds() - used,
        rss_mb=service.rss_bytes() / MEGABYTE,
        succeeded=None if run is None else run["counts"]["success"],
    )


def measure_all(given: Namespace, folder: Path) -> Report:
    title = f"A fleet run on {given.alive:,} living servers and {given.dead:,} dead ones"
    report = Report(title, ["what", "seconds", "CPU seconds", "RSS MB", "succeeded"])
    (folder / "service").mkdir()
    ground_of = running_ground(folder / "ground", given.alive, given.dead)
    with ground_of as ground:
        with running_service(folder / "service") as service:
            asyncio.run(measure(report, ground, service))
        report.notes.append(asyncio.run(count_statements(folder / "counted", ground)))
    return report


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--alive", type=int, default=ALIVE, help="servers that answer")
    parser.add_argument("--dead", type=int, default=DEAD, help="servers that do not")
    add_arguments(parser)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sshcast-fleet-"))
    try:
        publish(given, measure_all(given, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
