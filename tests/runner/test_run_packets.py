"""What a run costs on its SSH connection and in the event loop, counted on a kept connection: these only shrink."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from db.store import Store
from db.values import LegacyAlgorithm, Mode, State
from runner.ssh.client import SSHConnection, connect
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint
from tests.support.rig import BOTH_WAYS, QUICK, Rig, Wanted, running
from tests.support.targets import Target, make_key, run, running_sshd

pytestmark = pytest.mark.anyio

TRIES = 5
PACKETS = {Mode.ATTACHED: 5, Mode.DURABLE: 6}
TASKS = {Mode.ATTACHED: 4, Mode.DURABLE: 3}


class Connections:
    """Connects, and counts the packets that were sent on all connections so far."""

    def __init__(self) -> None:
        self._made: list[SSHConnection] = []

    async def connect(self, endpoint: Endpoint) -> SSHConnection:
        made = await connect(endpoint, timeouts=QUICK)
        assert isinstance(made, SSHConnection)
        self._made.append(made)
        return made

    def count_sent(self) -> int:
        return sum(each._link._send_seq for each in self._made)


class TaskCount:
    """Makes the event loop's tasks, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    def make(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **given: Any
    ) -> "asyncio.Task[Any]":
        self.made += 1
        return asyncio.Task(coro, loop=loop, **given)


@pytest.mark.parametrize("mode", [Mode.ATTACHED, Mode.DURABLE])
async def test_a_short_run_sends_few_packets_and_makes_few_tasks(openssh: Target, store: Store, mode: Mode) -> None:
    connections, tasks = Connections(), TaskCount()
    async with running(Rig(Wanted(store=store, connect=connections.connect, ways=BOTH_WAYS))) as rig:
        server = await rig.server(openssh, run_mode=mode)
        await rig.ran(server, "echo hello")
        asyncio.get_running_loop().set_task_factory(tasks.make)  # type: ignore[arg-type]
        sent, made = [], []
        for _ in range(TRIES):
            before = connections.count_sent(), tasks.made
            assert (await rig.ran(server, "echo hello")).state == State.SUCCESS
            sent.append(connections.count_sent() - before[0])
            made.append(tasks.made - before[1])
    print(sent, made)
    assert min(sent) <= PACKETS[mode], (sent, made)

    assert min(made) <= TASKS[mode], made


async def test_only_an_old_cipher_gets_a_packet_before_each_packet(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    for cipher in ("aes128-gcm@openssh.com", "aes128-ctr", "aes128-cbc"):
        (tmp_path / cipher).mkdir()
        with running_sshd(tmp_path / cipher, f"Ciphers {cipher}") as target:
            connections = Connections()
            connection = await connections.connect(target.endpoint(legacy_algorithms=(LegacyAlgorithm.AES_CBC,)))
            before = connections.count_sent()
            assert (await run(connection, "true"))[0].status == 0
            sent[cipher] = connections.count_sent() - before
            await connection.close()
    assert max(sent["aes128-gcm@openssh.com"], sent["aes128-ctr"]) <= 4 < 6 <= sent["aes128-cbc"], sent


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
async def test_uvloop_hears_what_a_server_says_at_its_sign_in_too(openssh: Target, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    stranger = Credential("key", make_key(tmp_path / "stranger"))
    with pytest.raises(ConnectFailed) as failed:
        await connect(openssh.endpoint(credential=stranger))
    assert failed.value.reason == "AUTH_FAILED"
