"""One command on a fleet: `python -m bench.fleet [--alive 900] [--dead 100]`.

The servers are loopback addresses of one sshd; of the dead, half refuse connections and half accept them and say
nothing. The seconds count from `startFleetRun`: until every living server has ended, and until the last dead one was
given up. Memory is the service's own.
"""

import asyncio
import shutil
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

from bench.report import Report, add_arguments, publish
from bench.service import BenchService, running_service
from tests.support.fleet_ground import Ground, add_all, expect_successes, has_ended, running_ground, start, wait_for

ALIVE, DEAD = 900, 100
MEGABYTE = 1_000_000
PLAN = "query ($input: FleetRunPlanInput!) { fleetRunPlan(input: $input) { digest size refusedCount } }"
EVENTS = "query ($id: ID!) { events(filter: {fleetRunId: $id}, first: 1) { totalCount } }"
GROUPS = """query ($id: ID!) { fleetRun(id: $id) {
  outputGroups(first: 10) { edges { node { size text state } } } } }"""


async def measure(report: Report, ground: Ground, service: BenchService) -> None:
    client = service.client()
    ask = partial(service.graphql, client)
    await _time(report, f"adding {len(ground.alive) + len(ground.dead):,} servers", service, _add(ground, service))
    command = ground.write_command()
    wanted = {"work": {"command": {"command": command}}, "selector": {"nameContains": ""}}
    plan = (await _time(report, "the plan", service, ask(PLAN, input=wanted)))["fleetRunPlan"]
    begun, used = time.perf_counter(), service.cpu_seconds()
    id = await _time(report, "starting it", service, start(ask, command, planDigest=plan["digest"]))
    alive = len(ground.alive)
    living = wait_for(ask, id, expect_successes(alive))
    _add_row(report, "until all living servers have ended", service, begun, used, await living)
    ended = await wait_for(ask, id, has_ended, poll=1.0)
    _add_row(report, "until the dead are given up", service, begun, used, ended)
    assert ended["counts"]["success"] == alive, ended
    assert set(ground.count_starts().values()) == {1}, "a server was started twice"
    report.notes.append(f"Events of it: {(await ask(EVENTS, id=id))['events']['totalCount']:,}.")
    groups = await _time(report, "grouping the answers, first time", service, ask(GROUPS, id=id))
    await _time(report, "grouping the answers again", service, ask(GROUPS, id=id))
    sizes = [each["node"]["size"] for each in groups["fleetRun"]["outputGroups"]["edges"]]
    report.notes.append(f"Groups of equal answers, by size: {sizes}.")
    await client.close()


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
    with ground_of as ground, running_service(folder / "service") as service:
        asyncio.run(measure(report, ground, service))
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
