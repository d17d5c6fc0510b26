"""A command's standard input over real HTTP and SSH: in by GraphQL, read by the command, told by its digest alone."""

import base64
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Running, running
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio

MOST = random.Random(21).randbytes(1_048_576)
SERVER = """mutation($input: CreateServerInput!) { createServer(input: $input) {
  server { id } errors { code message field } } }"""
RUN = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
  execution { id state mode message exitCode stdinBytes stdinSha256 } errors { code message field } } }"""
MODES = pytest.mark.parametrize("mode", ["DURABLE", "ATTACHED"])


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("stdin"), drive=True) as found:
        yield found


async def enrolled(service: Running, target: Target, mode: str, name: str) -> str:
    credential = {"privateKey": target.private_key}
    where = {"host": target.host, "port": target.port, "username": target.username, "hostKeys": [target.host_key]}
    given = where | {"name": name, "credential": credential, "runMode": mode}
    found = (await service.data(SERVER, "admin", input=given))["createServer"]
    assert found["errors"] == []
    return str(found["server"]["id"])


async def ran(service: Running, server: str, command: str, stdin: bytes | None) -> tuple[dict[str, Any], bytes]:
    packed = None if stdin is None else base64.b64encode(stdin).decode()
    given = {"serverId": server, "command": command, "stdin": packed, "wait": 60}
    found = (await service.data(RUN, "operator", input=given))["runCommand"]
    assert found["errors"] == []
    row = found["execution"]
    log = (await service.ask("GET", f"/api/task/{row['id']}/log?encoding=base64", "operator")).json()
    return row, base64.b64decode(log["output_base64"])


@MODES
async def test_a_mib_of_any_bytes_is_what_the_command_reads(service: Running, openssh: Target, mode: str) -> None:
    server = await enrolled(service, openssh, mode, f"bytes {mode}")
    row, out = await ran(service, server, "sha256sum", MOST)
    assert (row["state"], row["mode"], row["message"]) == ("SUCCESS", mode, None)
    assert out.split()[0].decode() == hashlib.sha256(MOST).hexdigest() == row["stdinSha256"]
    assert row["stdinBytes"] == len(MOST)
    for given, size in ((b"", 0), (None, None)):
        row, out = await ran(service, server, "wc -c", given)
        assert (out.strip(), row["stdinBytes"]) == (b"0", size)
    row, out = await ran(service, server, "head -c 1 | wc -c", MOST)
    assert (row["state"], out.strip()) == ("SUCCESS", b"1")


@MODES
async def test_its_content_stays_nowhere(service: Running, openssh: Target, mode: str, tmp_path: Path) -> None:
    server = await enrolled(service, openssh, mode, f"secret {mode}")
    secret = f"swordfish-{random.Random(mode).randbytes(12).hex()}".encode()
    row, out = await ran(service, server, "wc -c", secret)
    assert (row["state"], out.strip()) == ("SUCCESS", str(len(secret)).encode())
    kept = [path for path in service.settings.data.rglob("*") if path.is_file()]
    home = [path for path in (openssh.folder / "home").rglob("*") if path.is_file()]
    forms = (secret, base64.b64encode(secret), secret.hex().encode())
    assert kept
    assert not [path for path in (*kept, *home) if any(form in path.read_bytes() for form in forms)]
