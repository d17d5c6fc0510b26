"""The WebSocket programs print what the command wrote, every byte once, however their connection ends on the way."""

import asyncio
from itertools import count
from typing import Any

import pytest

from db import users
from sshcast.graphql.sockets import SocketHandler
from tests.support.client_programs import parametrize_programs, run_program
from tests.support.client_runs import WatchedTask
from tests.support.cutting_proxy import ANSWER_BYTES, cutting_proxy
from tests.support.npm import node_modules
from tests.support.service import Running
from tests.support.waiting import until

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.clients, pytest.mark.usefixtures("node_modules")]

USER = "the.operator"
WEB_SOCKET_PROGRAMS = ("graphql-ws.mjs", "apollo.mjs", "urql.mjs")
NORMAL_CLOSURE = 1000


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
async def test_a_program_that_is_cut_off_three_times_prints_every_byte_once(
    service: Running, task: WatchedTask, program: str
) -> None:
    async with cutting_proxy(service.url) as proxy:
        done = await run_program(program, proxy.url, task.id, USER)
    task.check(done)
    assert (proxy.cuts, proxy.streams) == (len(ANSWER_BYTES), len(ANSWER_BYTES) + 1)


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
async def test_a_program_that_is_cut_off_and_then_turned_away_comes_back(
    service: Running, task: WatchedTask, program: str
) -> None:
    async with cutting_proxy(service.url, cuts=1, refusals=2) as proxy:
        done = await run_program(program, proxy.url, task.id, USER)
    task.check(done)
    assert (proxy.cuts, proxy.refusals) == (1, 0)


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
@pytest.mark.usefixtures("short_tokens")
async def test_a_program_whose_token_expires_as_it_watches_goes_on_with_a_new_one(
    service: Running, long_task: WatchedTask, program: str
) -> None:
    async with cutting_proxy(service.url, cuts=0) as proxy:
        done = await run_program(program, proxy.url, long_task.id, USER)
    long_task.check(done)
    assert proxy.streams > 1  # the service closed the first one with its token


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
async def test_a_program_prints_every_byte_once_when_its_socket_is_closed_as_if_all_were_done(
    service: Running, task: WatchedTask, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a close with 1000 npm `graphql-ws` subscribes again with the old variables, without any retries allowed."""
    send, sent = SocketHandler._send_next, count(1)

    async def close_third(self: SocketHandler, *given: Any) -> None:
        if next(sent) == 3:
            await self._close(NORMAL_CLOSURE, "")
        else:
            await send(self, *given)

    monkeypatch.setattr(SocketHandler, "_send_next", close_third)
    async with cutting_proxy(service.url, cuts=0) as proxy:
        done = await run_program(program, proxy.url, task.id, USER)
    task.check(done)
    assert proxy.streams == 2


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
async def test_a_program_that_may_not_sign_in_gives_up_at_once(
    service: Running, task: WatchedTask, program: str
) -> None:
    done = await run_program(program, service.url, task.id, "nobody.known", seconds=10)
    assert done.returncode == 1
    assert b"Error: " in done.stderr
    assert done.stdout == b""


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
async def test_a_program_whose_task_is_not_there_gives_up_at_once(service: Running, program: str) -> None:
    done = await run_program(program, service.url, 999_999, USER, seconds=10)
    assert (done.returncode, done.stdout) == (1, b"")


@parametrize_programs(*WEB_SOCKET_PROGRAMS)
async def test_a_program_whose_session_is_ended_as_it_watches_gives_up(
    service: Running, long_task: WatchedTask, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.1)
    admin = await service.service.store.read(users.by_name, "the.admin")
    assert admin is not None
    async with cutting_proxy(service.url, cuts=0) as proxy:
        running = asyncio.create_task(run_program(program, proxy.url, long_task.id, admin.name, seconds=20))
        await until(lambda: proxy.streams == 1)
        await service.change_user("admin", token_version=admin.token_version + 1)
        done = await running
    assert done.returncode == 1
    assert b"Error: " in done.stderr
    assert proxy.streams <= 2
