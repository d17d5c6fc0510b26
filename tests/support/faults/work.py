"""Runs whose whole effect can be checked afterwards: their bytes, their exit status, and how often they ran."""

import asyncio
import hashlib
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.faults.service import Mortal, NotNow

RUN = """mutation($input: RunCommandInput!) {
  runCommand(input: $input) { execution { id } errors { code message field } }
}"""
FULL = os.environ.get("SSHCAST_SUITE") == "full"


class Unanswered(Exception):
    """OUTCOME_UNKNOWN: only what has a key, the one that the error names, may be asked for again."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.key = error["extensions"].get("idempotencyKey")
        super().__init__(error["message"])


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is to write and how it is to end. `counter` has a line for each time it ran."""

    key: str
    command: str
    out: str
    err: str
    status: int
    counter: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What the service says of a run, and what the target does."""

    job: Job
    log: dict[str, Any]
    out: str
    err: str
    times: int

    @property
    def unreached(self) -> bool:
        """It never started, and is told to have failed for want of a connection or of a shell: a truth as well.

        A network that swallows everything for a minute may look like either.
        """
        is_told = any(f"[sshcast] {reason}" in self.log["error"] for reason in ("UNREACHABLE", "START_FAILED"))
        return self.times == 0 and is_told

    @property
    def faults(self) -> list[str]:
        """Every way in which the record is not the truth."""
        if self.unreached:
            return []
        told = []
        if self.times != 1:
            told.append(f"ran {self.times} times")
        if self.log["state"] not in ("SUCCESS", "FAILED"):
            told.append(f"is {self.log['state']}: {self.log['error'][-200:]}")
        elif self.log["exit_code"] != self.job.status:
            told.append(
                f"has exit status {self.log['exit_code']} instead of {self.job.status}: {self.log['error'][-200:]}"
            )
        if (self.out, self.err) != (self.job.out, self.job.err):
            told.append("has other bytes")
        return [f"{self.job.key} {each}" for each in told]


def jobs(folder: Path, count: int, seed: int) -> list[Job]:
    """Jobs of all kinds: no output to 5 MB, one stream or both, at once or with pauses, quick or some seconds long."""
    chance = random.Random(seed)
    data = chance.randbytes(6_000_000)
    (folder / "data").write_bytes(data)
    return [job(folder, data, f"job-{seed}-{n}", chance) for n in range(count)]


def job(folder: Path, data: bytes, key: str, chance: random.Random) -> Job:
    size = chance.choice([0, 10, 3_000, 70_000, 70_000, 500_000, 5_000_000])
    err = chance.choice([0, 0, 5, 4_000])
    start, cut = chance.randrange(500_000), chance.randrange(size + 1)
    status = chance.choice([0, 0, 0, 1, 3, 255])
    counter = folder / f"{key}.ran"
    source = f"tail -c +{start + 1} {folder}/data | head -c"
    pause = f"sleep {chance.choice([0, 0.05, 0.3, 1.0, 2.5])}"
    command = (
        f"echo ran >>{counter}; {source} {cut}; {pause}; {source} {err} >&2; "
        f"tail -c +{start + cut + 1} {folder}/data | head -c {size - cut}; exit {status}"
    )
    return Job(key, command, sha(data[start : start + size]), sha(data[start : start + err]), status, counter)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def carried_out(service: Mortal, all_jobs: list[Job], *, at_once: int) -> list[Found]:
    """Run them on server number 1, whatever happens to the service meanwhile, and see what became of each."""
    turns = asyncio.Semaphore(at_once)
    async with service.client() as client:

        async def one(job: Job) -> Found:
            async with turns:
                id = await service.calls(submitted, client, 1, job)
                return await service.calls(found, client, id, job)

        return await asyncio.gather(*(one(job) for job in all_jobs))


def shown(title: str, all_found: list[Found]) -> None:
    """Print the figures of a test."""
    faults = [fault for each in all_found for fault in each.faults]
    unreached = sum(each.unreached for each in all_found)
    print(json.dumps({title: {"runs": len(all_found), "unreached": unreached, "faults": len(faults)}}))


async def submitted(client: httpx2.AsyncClient, server_id: int, job: Job) -> int:
    """The execution's id. Raises TransportError or NotNow when the service goes away: ask again with the same job."""
    wanted = {"serverId": server_id, "command": job.command, "idempotencyKey": job.key}
    answer = await client.post("/graphql", json={"query": RUN, "variables": {"input": wanted}})
    try:
        payload = told(answer)["data"]["runCommand"]
    except Unanswered as error:
        if error.key != job.key:
            raise
        raise NotNow from error
    assert payload["errors"] == [], payload
    return int(payload["execution"]["id"])


async def found(client: httpx2.AsyncClient, execution_id: int, job: Job) -> Found:
    """The record as a client reads it, once it is final."""
    path = f"/api/task/{execution_id}/log"
    streams = {}
    for stream in ("stdout", "stderr"):
        digest = hashlib.sha256()
        async with client.stream("GET", path, params={"follow": "true", "stream": stream}) as answer:
            if answer.status_code == 503:
                raise NotNow
            async for part in answer.aiter_raw():
                digest.update(part)
        streams[stream] = digest.hexdigest()
    log = told(await client.get(path))
    times = job.counter.read_text().count("ran") if job.counter.exists() else 0
    return Found(job, log, streams["stdout"], streams["stderr"], times)


def told(answer: httpx2.Response) -> dict[str, Any]:
    """Its JSON. NotNow when the service says that its database is away; Unanswered when it cannot say what was done."""
    body: dict[str, Any] = answer.json()
    errors = body.get("errors", [])
    for error in errors:
        if error["extensions"]["code"] == "OUTCOME_UNKNOWN":
            raise Unanswered(error)
    if answer.status_code == 503 or any(error["extensions"]["code"] == "UNAVAILABLE" for error in errors):
        raise NotNow
    assert answer.status_code == 200, body
    assert not errors, body
    return body
