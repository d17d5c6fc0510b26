"""How many servers are signed in to at once is bounded, and no server that does not answer keeps the others from it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from runner.ssh.client import ConnectTimeouts, connect
from runner.ssh.sign_in.login_gate import LoginGate
from tests.support.targets import Target

pytestmark = pytest.mark.anyio

NEVER = 3600.0
GREETING = b"SSH-2.0-OpenSSH_9.2\r\n"


@asynccontextmanager
async def signing_in_to(target: Target, gate: LoginGate, greeting: bytes) -> AsyncIterator[None]:
    """While the block runs, `gate` is passed by a connection to a server that sends this and nothing more."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        endpoint = replace(target.endpoint(), port=listener.getsockname()[1])
        patient = ConnectTimeouts(login=NEVER)
        attempt = asyncio.create_task(gate.connect(connect, endpoint, timeouts=patient), name="a server that hangs")
        accepted, _ = await loop.sock_accept(listener)
        with accepted:
            await loop.sock_sendall(accepted, greeting)
            try:
                yield
            finally:
                attempt.cancel()
                await asyncio.wait([attempt])


@pytest.mark.parametrize("greeting", [b"", GREETING])
async def test_a_server_that_does_not_answer_loses_its_place(target: Target, greeting: bytes) -> None:
    gate = LoginGate(most=1, place_seconds=0.01)
    async with signing_in_to(target, gate, greeting), asyncio.timeout(60):
        connection = await gate.connect(connect, target.endpoint())
        await connection.close()


async def test_who_comes_later_waits_for_a_place(target: Target) -> None:
    gate = LoginGate(most=1, place_seconds=NEVER)
    async with signing_in_to(target, gate, GREETING):
        waiting = asyncio.create_task(gate.connect(connect, target.endpoint()), name="waits its turn")
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    connection = await waiting
    await connection.close()


async def test_a_place_whose_time_is_over_is_not_given_back_again(target: Target) -> None:
    gate = LoginGate(most=1, place_seconds=0.01)
    async with signing_in_to(target, gate, b""):
        connection = await gate.connect(connect, target.endpoint())  # once the first one's time is over
        await connection.close()
    assert gate._free._value == 1
