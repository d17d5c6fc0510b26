"""How long hostile documents take to be answered, and what a bystander notices: `python -m bench.hostile [ROUNDS]`.

A service in a process of its own, on SQLite. Each document is sent by an operator and by a stranger, one after the
other, then 20 at once, while another caller asks for `{ __typename }` again and again, before, during and after.
"""

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2

from sshcast.commands.serve import freeze_heap
from sshcast.graphql.requests import JSON
from tests.support.hostile import CASES, Hostile
from tests.support.service import client, running

BOUND_MS = 250
AT_ONCE = 20
BYSTANDER = b'{"query": "{ __typename }"}'
SHOWN = 15


def serve(pipe: Connection) -> None:
    """Serve until the other end says stop."""

    async def serving() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        with tempfile.TemporaryDirectory() as folder:
            generous: dict[str, Any] = {
                "requests_per_second": 10**6,
                "changes_per_second": 10**6,
                "strangers_per_second": 10**6,
            }
            async with running(Path(folder), **generous) as found:
                freeze_heap()
                loop.add_reader(pipe.fileno(), stop.set)
                pipe.send((found.url, found.as_user("operator"), found.as_user("viewer")))
                await stop.wait()

    asyncio.run(serving())


async def asked(http: httpx2.AsyncClient, content: bytes, headers: dict[str, str]) -> float:
    """Milliseconds to the whole answer, which is none of ours to blush for."""
    started = time.perf_counter()
    answer = await http.post("/graphql", content=content, headers={"content-type": JSON} | headers)
    taken = (time.perf_counter() - started) * 1000
    assert answer.status_code < 500, answer.text
    return taken


async def bystander(http: httpx2.AsyncClient, headers: dict[str, str], going: Callable[[int], bool]) -> list[float]:
    found: list[float] = []
    while going(len(found)):
        found.append(await asked(http, BYSTANDER, headers))
    return found


async def beside(http: httpx2.AsyncClient, headers: dict[str, str], work: Awaitable[Any]) -> tuple[Any, list[float]]:
    """What the work gives, and what the bystander noticed meanwhile."""
    task = asyncio.ensure_future(work)
    noticed = await bystander(http, headers, lambda _: not task.done())
    return await task, noticed


def told(name: str, noticed: list[float], usual: float) -> None:
    p50, p99 = statistics.median(noticed), statistics.quantiles(noticed, n=100)[98]
    print(
        f"bystander {name:22} p50 {p50:6.2f} ms ({p50 / usual:4.2f} of before)  p99 {p99:7.2f}  max {max(noticed):7.2f}"
    )


async def one_by_one(http: httpx2.AsyncClient, headers: dict[str, str], rounds: int) -> dict[str, list[float]]:
    contents = {case.name: (case.content, headers | case.headers) for case in CASES}
    return {name: [await asked(http, *sent) for _ in range(rounds)] for name, sent in contents.items()}


async def at_once(http: httpx2.AsyncClient, headers: dict[str, str], cases: list[Hostile]) -> list[float]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asked(http, case.content, headers | case.headers)) for case in cases]
    return [task.result() for task in tasks]


async def measured(url: str, operator: dict[str, str], viewer: dict[str, str], rounds: int) -> None:
    async with client(url) as http, client(url) as other:
        await bystander(other, viewer, lambda count: count < 200)
        before = await bystander(other, viewer, lambda count: count < 1000)
        usual = statistics.median(before)
        told("before", before, usual)
        for name, headers in (("an operator", operator), ("a stranger", {})):
            found, noticed = await beside(other, viewer, one_by_one(http, headers, rounds))
            slowest = sorted(((max(times), case) for case, times in found.items()), reverse=True)
            every = [one for times in found.values() for one in times]
            p99 = statistics.quantiles(every, n=100)[98]
            over = [case for most, case in slowest if most > BOUND_MS]
            print(f"\n{len(found)} documents of {name}, {rounds} times: p99 {p99:.1f} ms")
            print(f"  over {BOUND_MS} ms: {over or 'none'}")
            for most, case in slowest[:SHOWN]:
                print(f"  max {most:7.1f} ms  median {statistics.median(found[case]):7.1f}  {case}")
            told("during", noticed, usual)
        worst = [case for case in CASES if case.name in {name for _, name in slowest[:AT_ONCE]}]
        times, noticed = await beside(other, viewer, at_once(http, operator, worst))
        print(f"\nthe {len(worst)} slowest at once: answered within {max(times):.1f} ms")
        told(f"beside {len(worst)} at once", [*noticed, noticed[-1]], usual)
        told("after", await bystander(other, viewer, lambda count: count < 1000), usual)


def main(rounds: int) -> None:
    ours, theirs = multiprocessing.Pipe()
    service = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    service.start()
    try:
        url, operator, viewer = ours.recv()
        asyncio.run(measured(url, operator, viewer, rounds))
    finally:
        ours.send("stop")
        service.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
