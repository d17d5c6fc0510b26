"""The HTTP programs and watch_ws.py print what the command wrote, every byte once, however often they are cut off."""

import pytest
from sqlalchemy import Connection, text

from tests.support.client_programs import parametrize_programs, run_program
from tests.support.client_runs import WatchedTask
from tests.support.cutting_proxy import ANSWER_BYTES, cutting_proxy
from tests.support.npm import node_modules
from tests.support.rest import PASSWORD
from tests.support.service import Running

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.clients]

USER = "the.operator"
NODE_PROGRAMS = ("graphql-sse.mjs", "eventsource.mjs", "axios.mjs")
OTHER_PROGRAMS = ("watch.sh", "watch.py", "watch_ws.py")
PROGRAMS = (*NODE_PROGRAMS, *OTHER_PROGRAMS)


@pytest.fixture
def packages(request: pytest.FixtureRequest, program: str) -> None:
    """Install the npm packages, for the programs that need them."""
    if program in NODE_PROGRAMS:
        request.getfixturevalue("node_modules")


def _has_renewed(conn: Connection) -> bool:
    """Tell whether the newest session's refresh token was replaced."""
    session = conn.execute(text("SELECT previous_id FROM sessions ORDER BY id DESC LIMIT 1")).one()
    return session.previous_id is not None


@parametrize_programs(*PROGRAMS)
@pytest.mark.usefixtures("packages")
async def test_a_program_that_is_cut_off_three_times_prints_every_byte_once(
    service: Running, task: WatchedTask, program: str
) -> None:
    async with cutting_proxy(service.url) as proxy:
        done = await run_program(program, proxy.url, task.id, USER)
    task.check(done)
    assert proxy.cuts == len(ANSWER_BYTES)


@parametrize_programs(*PROGRAMS)
@pytest.mark.usefixtures("packages", "short_tokens")
async def test_a_program_whose_token_expires_as_it_watches_goes_on_with_a_new_one(
    service: Running, long_task: WatchedTask, program: str
) -> None:
    done = await run_program(program, service.url, long_task.id, USER)
    long_task.check(done)
    assert await service.service.store.read(_has_renewed)


async def test_a_websocket_stays_open_if_a_ping_brings_the_new_token(
    service: Running, long_task: WatchedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.service.tokens, "access_seconds", 3)  # at least 2: a token's times are whole seconds
    async with cutting_proxy(service.url, cuts=0) as proxy:
        done = await run_program("watch_ws.py", proxy.url, long_task.id, USER)
    long_task.check(done)
    assert proxy.streams == 1


@parametrize_programs(*PROGRAMS)
@pytest.mark.usefixtures("packages")
async def test_a_program_that_may_not_sign_in_ends_at_once_and_shows_no_password(
    service: Running, task: WatchedTask, program: str
) -> None:
    done = await run_program(program, service.url, task.id, "nobody.here", seconds=20)
    assert done.returncode != 0
    assert done.stdout == b""
    assert done.stderr != b""
    assert PASSWORD.encode() not in done.stderr
