"""What another process changes of a user holds for the next request: the command line, or another service."""

import subprocess
import sys
from pathlib import Path

import pytest

from db.values import Role
from resolvers import personal_tokens, sign_in
from resolvers.admission import authenticate
from resolvers.context import Context, Viewer
from resolvers.errors import Unauthenticated
from tests.support.commands import ROOT, Commands
from tests.support.rest import PASSWORD
from tests.support.service import Running

pytestmark = pytest.mark.anyio

WRITE = """
import asyncio, sys
from db.store import open_store

async def main(url, statement):
    store = await open_store(url)
    await store.run(lambda conn: conn.exec_driver_sql(statement).close())
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def find_url(api: Running) -> str | None:
    """The URL of PostgreSQL; None for a file in the data folder."""
    found = api.settings.database_url
    return None if found is None else found.get_secret_value()


def in_another_process(api: Running, statement: str) -> None:
    url = find_url(api) or f"sqlite:///{api.settings.data}/sshcast.db"
    subprocess.run([sys.executable, "-c", WRITE, url, statement], cwd=ROOT, check=True)


def by_command(api: Running, *args: str) -> None:
    url = find_url(api)
    variables = {} if url is None else {"SSHCAST_DATABASE_URL": url}
    done = Commands(Path(api.settings.data), variables).run(*args)
    assert done.returncode == 0, done.stderr.decode()


async def signed_in(api: Running) -> str:
    tokens = await sign_in.login(Context(api.service), api.users[Role.OPERATOR].name, PASSWORD)
    return tokens.access_token


async def ask(api: Running, token: str) -> Viewer:
    """Who the service takes the caller for, twice: the second time it may know."""
    for _ in range(2):
        viewer = (await authenticate(Context(api.service), token)).require_viewer()
    return viewer


async def is_out(api: Running, token: str) -> bool:
    try:
        await authenticate(Context(api.service), token)
    except Unauthenticated:
        return True
    return False


async def test_a_user_whom_a_command_disables_is_out(both: Running) -> None:
    token = await signed_in(both)
    assert (await ask(both, token)).role is Role.OPERATOR
    by_command(both, "user", "set", both.users[Role.OPERATOR].name, "--disable")
    assert await is_out(both, token)


async def test_a_demotion_holds(both: Running) -> None:
    token = await signed_in(both)
    made = await personal_tokens.create(both.context(Role.OPERATOR), "for ci", "run", 1)
    for each in (token, made.token):
        assert (await ask(both, each)).role is Role.OPERATOR
    in_another_process(both, f"UPDATE users SET role = 'viewer' WHERE id = {both.users[Role.OPERATOR].id}")
    for each in (token, made.token):
        assert (await ask(both, each)).role is Role.VIEWER


async def test_a_token_that_is_revoked_and_a_session_that_is_ended_are_out(both: Running) -> None:
    token = await signed_in(both)
    made = await personal_tokens.create(both.context(Role.OPERATOR), "for ci", "run", 1)
    session_id = (await ask(both, token)).session_id
    await ask(both, made.token)
    in_another_process(both, f"UPDATE personal_tokens SET revoked_at = created_at WHERE id = {made.row.id}")
    assert await is_out(both, made.token)
    assert not await is_out(both, token)
    in_another_process(both, f"UPDATE sessions SET ended_at = created_at WHERE id = {session_id}")
    assert await is_out(both, token)
