"""The version before is killed in mid-run and this one started in its place: each run ends as what it was."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.commands import Commands
from tests.support.faults.released import commands_of, loaded_by, released
from tests.support.faults.service import Mortal, enrol
from tests.support.faults.sshd import Sshd, mortal_sshd
from tests.support.faults.work import sha, told
from tests.support.postgres import Postgres, postgres
from tests.support.waiting import until as wait_until

__all__ = ["postgres", "released"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(600)]

EVERY_BYTE = bytes(range(256))
OUT = EVERY_BYTE + random.Random(1).randbytes(1_400_000) + EVERY_BYTE
ERR = random.Random(2).randbytes(1_100_000) + EVERY_BYTE
# Where each stream is cut: what comes before the kill, while no service runs, and after the take-over.
OUT_CUTS, ERR_CUTS = (0, 300_000, 900_001, len(OUT)), (0, 400_000, 500_003, len(ERR))
LIMIT_SECONDS = 15
FIELDS = "id state reason exitCode message verifiedGone mode truncated stdoutBytes stderrBytes"
MADE = f"execution {{ {FIELDS} }} errors {{ message }}"
RUN = f"mutation($input: RunCommandInput!) {{ runCommand(input: $input) {{ {MADE} }} }}"
TASK = f"mutation($input: CreateTaskInput!) {{ createTask(input: $input) {{ {MADE} }} }}"
CANCEL = "mutation($input: CancelExecutionInput!) { cancelExecution(input: $input) { errors { message } } }"
EXECUTION = f"query($id: ID!) {{ execution(id: $id) {{ {FIELDS} }} }}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run, and what is to become of it. It starts in a folder of its own, and goes on when files appear there."""

    name: str
    command: str
    state: str
    reason: str
    exit_code: int | None = None
    out: bytes = b""
    err: bytes = b""
    gone: bool | None = None
    attached: bool = False
    timeout: int = 120


def part(number: int) -> str:
    """Shell text that writes the first, second or third part of both streams."""
    pieces = [("out", OUT_CUTS, ""), ("err", ERR_CUTS, " >&2")]
    return "; ".join(
        f"tail -c +{cuts[number] + 1} ../{name} | head -c {cuts[number + 1] - cuts[number]}{to}"
        for name, cuts, to in pieces
    )


def until(name: str) -> str:
    return f"until [ -e ../{name} ]; do sleep 0.1; done"


COUNT, STAY = "echo ran >>ran", "echo $$ >pid; exec sleep 300"
RUNS = [
    Wanted(
        "talks throughout",
        f"{COUNT}; {part(0)}; {until('killed')}; {part(1)}; {until('taken-over')}; {part(2)}; exit 9",
        *("FAILED", "EXIT_STATUS", 9, OUT, ERR),
    ),
    Wanted("is silent", f"{COUNT}; {until('taken-over')}; exit 0", "SUCCESS", "EXIT_STATUS", 0),
    Wanted(
        "ends meanwhile",
        f"{COUNT}; {part(0)}; {until('killed')}; {part(1)}; {part(2)}; exit 5",
        *("FAILED", "EXIT_STATUS", 5, OUT, ERR),
    ),
    Wanted("is cancelled", f"{COUNT}; echo up; {STAY}", "CANCELLED", "CANCELLED", None, b"up\n", b"", True),
    Wanted("is attached", f"{COUNT}; echo up; {STAY}", "FAILED", "LOST", None, b"up\n", b"", True, attached=True),
    Wanted(
        "is over its limit",
        f"{COUNT}; echo up; {STAY}",
        "TIMEOUT",
        "TIMEOUT",
        None,
        b"up\n",
        b"",
        True,
        timeout=LIMIT_SECONDS,
    ),
]


@dataclass(slots=True)
class Upgrade:
    """One service: first the old version's, after `take_over` this one's. `folder`: where the runs are."""

    new: Commands
    service: Mortal
    folder: Path

    def take_over(self) -> None:
        """Start this version on what the old one left. SQLite is migrated by the start."""
        self.service.commands = self.new
        if "SSHCAST_DATABASE_URL" in self.new.variables:
            self.new.output("migrate")
        self.service.start()

    def touch(self, name: str) -> None:
        (self.folder / name).touch()

    def text(self, run: Wanted, name: str) -> str:
        """What a run has written into a file of its own by now."""
        path = self.folder / run.name / name
        return path.read_text() if path.exists() else ""

    def living(self) -> set[str]:
        """The runs that have a process on the target."""
        return {run.name for run in RUNS if processes_in(self.folder / run.name)}


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    (tmp_path / "sshd").mkdir()
    with mortal_sshd(tmp_path / "sshd") as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Postgres | None:
    """None: the database is SQLite."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
async def variables(server: Postgres | None) -> AsyncIterator[dict[str, str]]:
    """The settings of a service whose database is empty."""
    if server is None:
        yield {}
        return
    async with server.database(template="template0") as url:
        yield {"SSHCAST_DATABASE_URL": url}


@pytest.fixture
def upgrade(released: Path, sshd: Sshd, variables: dict[str, str], tmp_path: Path) -> Iterator[Upgrade]:
    """The old version serves."""
    old = commands_of(released, tmp_path / "data", variables)
    assert all(Path(each).is_relative_to(released) for each in loaded_by(old))
    if variables:
        old.output("migrate")
    enrol(old, sshd.target)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "out").write_bytes(OUT)
    (tmp_path / "runs" / "err").write_bytes(ERR)
    made = Upgrade(Commands(tmp_path / "data", variables), Mortal(old), tmp_path / "runs")
    made.service.start()
    yield made
    made.service.stop()


async def asked(client: httpx2.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    """The data of the one field that a document asks for, which must have no errors."""
    data = told(await client.post("/graphql", json={"query": query, "variables": variables}))["data"]
    (found,) = data.values()
    assert not found.get("errors"), found
    return dict(found)


async def begin(client: httpx2.AsyncClient, run: Wanted, folder: Path) -> str:
    """The execution's id."""
    place = folder / run.name
    place.mkdir()
    what = {"serverId": 1, "command": run.command, "timeoutSeconds": run.timeout, "workingDir": str(place)}
    if run.attached:
        what |= {"name": run.name, "cronExpr": "@once", "runMode": "ATTACHED"}
    return str((await asked(client, TASK if run.attached else RUN, input=what))["execution"]["id"])


async def read(client: httpx2.AsyncClient, id: str, stream: str) -> bytes:
    """The bytes of one stream, once its run has ended."""
    answer = await client.get(f"/api/task/{id}/log", params={"follow": "true", "stream": stream})
    assert answer.status_code == 200, answer.text
    return answer.content


async def until_stored(client: httpx2.AsyncClient, id: str, out: int, err: int) -> None:
    async with asyncio.timeout(60):
        while True:
            found = await asked(client, EXECUTION, id=id)
            if (found["stdoutBytes"], found["stderrBytes"]) == (out, err):
                return
            await asyncio.sleep(0.1)


def processes_in(folder: Path) -> list[int]:
    """Those whose working directory it is."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if link.readlink() == folder:
                found.append(int(link.parent.name))
    return found


def ends(sshd: Sshd) -> int:
    """How many durable runs the target has the end of, whole."""
    return sum(path.read_text().rstrip().endswith(" .") for path in sshd.home.rglob("*end"))


async def test_each_run_that_the_version_before_began_ends_as_what_it_was(upgrade: Upgrade, sshd: Sshd) -> None:
    service, talking = upgrade.service, RUNS[0]
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
        ids = {run.name: await begin(client, run, upgrade.folder) for run in RUNS[:-1]}
        await until_stored(client, ids[talking.name], OUT_CUTS[1], ERR_CUTS[1])
        ids[RUNS[-1].name] = await begin(client, RUNS[-1], upgrade.folder)  # last: its time runs
        await wait_until(lambda: all(upgrade.text(run, "ran") for run in RUNS), seconds=60)
        begun = [await asked(client, EXECUTION, id=id) for id in ids.values()]
        assert {each["state"] for each in begun} == {"RUNNING"}
        assert [each["mode"] for each in begun].count("ATTACHED") == 1
        service.kill()

        upgrade.touch("killed")
        await wait_until(lambda: ends(sshd) == 2, seconds=60)
        assert upgrade.living() == {run.name for run in RUNS} - {"ends meanwhile", "is over its limit"}

        upgrade.take_over()
        await service.calls(client.get, "/readyz")
        await until_stored(client, ids[talking.name], OUT_CUTS[2], ERR_CUTS[2])
        upgrade.touch("taken-over")
        await asked(client, CANCEL, input={"id": ids["is cancelled"]})
        for run in RUNS:
            await check(client, run, ids[run.name])
    assert {run.name: upgrade.text(run, "ran") for run in RUNS} == {run.name: "ran\n" for run in RUNS}
    await wait_until(lambda: not upgrade.living(), seconds=60)
    await wait_until(lambda: not list(sshd.home.rglob("*end")), seconds=60)


async def test_a_run_that_the_version_before_finished_stays_readable(upgrade: Upgrade) -> None:
    command = f"{COUNT}; {part(0)}; {part(1)}; {part(2)}; exit 7"
    # That version said "verified gone" also of what ended by itself. What it recorded stays as it is.
    run = Wanted("is finished", command, "FAILED", "EXIT_STATUS", 7, OUT, ERR, gone=True)
    service = upgrade.service
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
        id = await begin(client, run, upgrade.folder)
        await check(client, run, id)
        before = await asked(client, EXECUTION, id=id)
        service.stop()
        upgrade.take_over()
        await service.calls(client.get, "/readyz")
        await check(client, run, id)
        assert await asked(client, EXECUTION, id=id) == before
    assert upgrade.text(run, "ran") == "ran\n"


async def check(client: httpx2.AsyncClient, run: Wanted, id: str) -> None:
    """What the record says, once it is final, is what was wanted."""
    streams = [sha(await read(client, id, stream)) for stream in ("stdout", "stderr")]
    found = await asked(client, EXECUTION, id=id)
    names = ("state", "reason", "exitCode", "verifiedGone", "truncated")
    wanted = (run.state, run.reason, run.exit_code, run.gone, False)
    assert tuple(found[name] for name in names) == wanted, (run.name, found)
    assert streams == [sha(run.out), sha(run.err)], run.name
    if run.attached:
        assert found["message"].endswith("what was left of it was ended: whether the command finished is unknown")
