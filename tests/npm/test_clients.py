"""The npm clients that people use, each over its own transport, against the running service and a real run."""

import hashlib
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from tests.support.npm import node_modules, run_script
from tests.support.rest import PASSWORD
from tests.support.service import Running, running

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("node_modules")]

TRANSPORTS = ("graphql-ws", "graphql-sse", "apollo")
MULTI_BYTE = "界é😀".encode()
OUT = bytes(range(256)) * 400 + MULTI_BYTE * 3000 + b"x" * 700_000 + b"no line end at last"
ERR = bytes(range(255, -1, -1)) * 100 + MULTI_BYTE
CUTS = (1, 30_000, 300_000)
RUN = """mutation($command: String!) {
  runCommand(input: {serverId: 1, command: $command}) { execution { id } errors { message } }
}"""


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("npm"), drive=True) as found:
        yield found


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Writes OUT and ERR in pieces, some of which cut a character in two, and fails."""
    (tmp_path / "out").write_bytes(OUT)
    (tmp_path / "err").write_bytes(ERR)
    cut = 256 * 400 + 4
    return "; ".join(
        [
            f"cd {tmp_path}",
            f"head -c 20 out; sleep 0.2; tail -c +21 out | head -c {cut - 20}; head -c 100 err >&2; sleep 0.2",
            f"tail -c +{cut + 1} out | head -c 350000; sleep 0.2",
            f"tail -c +101 err >&2; tail -c +{cut + 350_001} out; exit 3",
        ]
    )


def digest(data: bytes) -> dict[str, Any]:
    """What watch.mjs prints of a stream that had these bytes."""
    text = data.decode("utf-8", "replace").encode()
    return {"bytes": hashlib.sha256(data).hexdigest(), "text": hashlib.sha256(text).hexdigest(), "size": len(data)}


async def watched(service: Running, transport: str, id: str, *cuts: int, token: str | None = None) -> Any:
    given = [transport, service.url, token or service.token("viewer"), id, *map(str, cuts)]
    return await to_thread.run_sync(partial(run_script, "watch.mjs", *given))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_watcher_who_is_cut_off_and_resumes_from_the_cursor_gets_every_byte_once(
    service: Running, transport: str, command: str
) -> None:
    started = await service.data(RUN, command=command)
    id = started["runCommand"]["execution"]["id"]
    done = await watched(service, transport, id, *CUTS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cuts"] == len(CUTS)
    assert found["streams"] == {"STDOUT": digest(OUT), "STDERR": digest(ERR)}
    assert (found["end"]["state"], found["end"]["exitCode"]) == ("FAILED", 3)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_with_a_token_that_is_not_ours_is_told_so_and_sees_nothing(
    service: Running, transport: str
) -> None:
    done = await watched(service, transport, "1", token="not.a.token")
    assert done.returncode != 0
    assert any(word in done.stderr for word in ("UNAUTHENTICATED", "4401", "4403", "401")), done.stderr
    assert done.stdout == ""


async def test_the_documented_rest_client_on_axios_signs_in_refreshes_once_runs_and_reads_the_log(
    service: Running,
) -> None:
    given = [service.url, service.users["operator"].name, PASSWORD, str(service.server.id)]
    done = await to_thread.run_sync(partial(run_script, "rest.mjs", *given))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["log"]["output"], found["log"]["error"], found["log"]["status"]) == ("out\n", "err\n", 1)
    assert (found["total"], found["refreshes"]) == (1, 1)
    assert (found["refused"]["code"], found["refused"]["field"]) == (400, "page_size")
