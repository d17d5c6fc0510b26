"""The names of database hosts are looked up so that a lookup which takes long holds up nobody but who asked."""

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from db.database_url import read_database_url
from db.host_lookups import HostLookups
from db.postgres_connect import connect
from sshcast.event_loop import LOOP_FACTORY

AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class SlowNames:
    """A resolver that answers when it is told to, and then that it knows no name."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = threading.Event()

    def look_up(self, host: str) -> object:
        self.asked.append(host)
        self.answers.wait(30)
        raise AWAY


@pytest.fixture
def names() -> Iterator[SlowNames]:
    found = SlowNames()
    yield found
    found.answers.set()


def run(work: Callable[[], object]) -> list[object]:
    """Run it in the loop of a service; return what the loop complains of."""
    complaints: list[object] = []

    async def run_alone() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        found: object = work()
        assert asyncio.iscoroutine(found)
        await found
        gc.collect()

    with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
        runner.run(run_alone())
    gc.collect()
    return complaints


def test_all_who_ask_for_a_name_meanwhile_share_one_lookup(names: SlowNames) -> None:
    async def ask() -> None:
        lookups = HostLookups(names.look_up)
        asking = [asyncio.create_task(lookups.check("db"), name=f"ask {number}") for number in range(20)]
        await asyncio.sleep(0)
        names.answers.set()
        assert await asyncio.gather(*asking, return_exceptions=True) == [AWAY] * 20
        assert names.asked == ["db"]
        with pytest.raises(socket.gaierror):
            await lookups.check("db")
        assert names.asked == ["db", "db"], "what was found once is not kept"

    assert run(ask) == []


def test_a_lookup_that_is_given_up_is_nobodys_and_is_not_waited_for(names: SlowNames) -> None:
    lookups = HostLookups(names.look_up)

    async def give_up() -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await connect(read_database_url("postgresql://nobody@db/x"), lookups, timeout=0.05)
        names.answers.set()
        with pytest.raises(socket.gaierror):
            await lookups.check("db")

    assert run(give_up) == []
    names.answers.clear()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run(lambda: connect(read_database_url("postgresql://nobody@db/x"), lookups, timeout=0.05))
    assert time.monotonic() - begun < 10


def test_the_driver_is_not_asked_before_the_name_is_found() -> None:
    def fail(host: str) -> object:
        raise AWAY

    async def ask() -> None:
        with pytest.raises(socket.gaierror) as caught:
            await connect(read_database_url("postgresql://nobody@localhost:1/x"), HostLookups(fail))
        assert caught.value is AWAY

    assert run(ask) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "/run/postgresql", "", None])
def test_what_is_no_name_is_not_looked_up(host: str | None, names: SlowNames) -> None:
    assert run(lambda: HostLookups(names.look_up).check(host)) == []
    assert names.asked == []
