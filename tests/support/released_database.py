"""A database with a record of each kind, and what the API tells of it.

`python -m tests.support.released_database` writes both into `tests/support/released/`: done once with a version
before it is released, so that each later version can show that it tells the same of the same database.
"""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from sshcast.settings import Settings
from tests.support.service import Running, reopened, running

HERE = Path(__file__).parent / "released"
SIGNING_KEY, MASTER_KEY = "0123456789abcdefghijklmnopqrstuvwxyz", "5e" * 32
PAGES = "first: 100"
READS = f"""{{
  tasks({PAGES}) {{ nodes {{
    id name command cronExpr timezone enabled envNames secretEnv {{ name secret }} workingDir shell runMode
    timeoutSeconds outputLimitBytes createdAt updatedAt deletedAt lastRun pausedAt pausedUntil serverId
    createdBy {{ name }} updatedBy {{ name }} policy {{ id mode allow commands extra holds taskId createdById }}
    terms {{ overlap missed dst jitterSeconds }} latestExecution {{ id }}
  }} totalCount }}
  executions({PAGES}) {{ nodes {{
    id state reason message exitCode exitSignal command trigger mode attempt createdAt startTime endTime durationMs
    stdoutBytes stderrBytes stdinBytes stdinSha256 truncated verifiedGone policyVersion shell slot taskId serverId
    policies {{ id }} findings {{ rule severity }} cancelRequestedAt createdBy {{ name }}
  }} totalCount }}
  servers({PAGES}) {{ nodes {{
    id name host port username tags hostKeys credentialKind runMode maxParallel createdAt policy {{ id mode allow }}
  }} }}
  users({PAGES}) {{ nodes {{ id name role disabled createdAt grants {{ role tag serverId }} }} }}
  secrets({PAGES}) {{ nodes {{ id name serverId createdAt updatedAt }} }}
  personalTokens {{ id name scope createdAt expiresAt }}
  commandPolicies({PAGES}) {{ nodes {{ id mode allow commands extra serverId taskId createdById createdAt }} }}
  scheduleLedger({PAGES}) {{ nodes {{ id slot outcome reason decidedAt taskId executionId retriesLeft startBy }} }}
  auditEvents({PAGES}) {{ nodes {{
    id at kind actor actorId address objectKind objectId before after hash previous
  }} }}
}}"""

RUN = "mutation($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { code } } }"
COMMANDS: tuple[dict[str, Any], ...] = (
    {"command": "echo out; echo err >&2"},
    {"command": "exit 3"},
    {"command": "wc -c", "stdin": "aGVsbG8="},
    {"command": "#!/bin/bash\necho $0"},
    {"command": "sleep 40", "timeoutSeconds": 1},
    {"command": "yes", "outputLimitBytes": 1000},
    {"command": "sudo reboot"},
)


async def fill(api: Running) -> None:
    """A record of each kind, also of what is refused."""

    async def do(name: str, given: dict[str, Any], role: str = "admin", answer: str = "errors { code }") -> Any:
        kind = f"{name[0].upper()}{name[1:]}Input!"
        document = f"mutation($input: {kind}) {{ {name}(input: $input) {{ {answer} }} }}"
        found = (await api.graphql(document, role, input=given))["data"]
        return None if found is None else found[name]

    async def create_task(**given: Any) -> str:
        usual = {"serverId": api.server.id, "cronExpr": "@manual", "command": "df -h"}
        made = await do("createTask", usual | given, "operator", "task { id } errors { code message field }")
        assert not made["errors"], made
        return str(made["task"]["id"])

    await do("createSecret", {"name": "DB_PASSWORD", "value": "a value that is long enough"})
    secret = [{"name": "DB", "secret": "DB_PASSWORD"}, {"name": "OWN", "value": "another value"}]
    once = await create_task(name="once", cronExpr="@once", env=[{"name": "A", "value": "1"}], secretEnv=secret)
    nightly = await create_task(name="nightly", cronExpr="0 3 * * *", timezone="Asia/Shanghai", workingDir="/tmp")
    ticking = await create_task(name="ticking", cronExpr="@every 1s", command="true")
    gone = await create_task(name="gone")
    await do("setServerPolicy", {"id": api.server.id, "mode": "STANDARD", "allow": ["fs.*"]})
    await do("setTaskPolicy", {"id": nightly, "mode": "STRICT"})
    await do("updateTask", {"id": nightly, "command": "du -sh ."}, "operator")
    await do("pauseTask", {"id": nightly}, "operator")
    await do("grantRole", {"userId": api.users["viewer"].id, "role": "OPERATOR", "tag": "web"})
    await do("createPersonalToken", {"name": "robot", "scope": "READ"})
    await do("deleteTask", {"id": once}, "viewer")  # refused, and in the audit
    await do("createUser", {"name": "bo", "password": "correct horse battery", "role": "NONE"}, "operator")
    for command in COMMANDS:
        await api.data(RUN, "operator", input={"serverId": api.server.id, "wait": 20} | command)
    await do("runTask", {"taskId": once, "wait": 20}, "operator")
    waiting = await do("runTask", {"taskId": gone}, "operator", "execution { id } errors { code }")
    await do("cancelExecution", {"id": waiting["execution"]["id"]}, "operator")
    await do("setTaskEnabled", {"id": ticking, "enabled": False}, "operator")
    await do("deleteTask", {"id": gone}, "operator")
    open_ones = "{ executions(first: 1, filter: {states: [PENDING, RUNNING]}) { totalCount } }"
    while (await api.data(open_ones, "admin"))["executions"]["totalCount"]:  # noqa: ASYNC110 - a generator, no test
        await asyncio.sleep(0.1)


def settings_of(data: Path) -> dict[str, Any]:
    return {"signing_key": SecretStr(SIGNING_KEY), "secret_key": SecretStr(MASTER_KEY), "data": data}


async def read(data: Path) -> dict[str, Any]:
    """What the API tells an admin of the database in this folder, in which nothing goes on."""
    async with reopened(Settings(**settings_of(data))) as api:
        return await api.data(READS, "admin")


def lay(data: Path) -> None:
    """The released database, as a file in a data folder."""
    data.mkdir(mode=0o700, parents=True)
    with closing(sqlite3.connect(data / "sshcast.db")) as made:
        made.executescript((HERE / "0007.sql").read_text())


async def make() -> None:
    with TemporaryDirectory() as folder:
        given = settings_of(Path(folder) / "data")
        async with running(
            Path(folder), drive=True, **{name: given[name] for name in ("signing_key", "secret_key")}
        ) as api:
            await fill(api)
        HERE.mkdir(exist_ok=True)
        (HERE / "0007.json").write_text(json.dumps(await read(given["data"]), indent=1, sort_keys=True) + "\n")
        with closing(sqlite3.connect(given["data"] / "sshcast.db")) as made:
            (HERE / "0007.sql").write_text("\n".join(made.iterdump()) + "\n")


if __name__ == "__main__":
    asyncio.run(make())
