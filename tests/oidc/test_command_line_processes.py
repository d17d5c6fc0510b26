"""Behind two processes on one PostgreSQL, a command line gets its tokens from whichever it reaches."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.oidc.command_line import CommandLine, Person
from tests.support.oidc.forger import CLIENT, Forger
from tests.support.oidc.visitor import visiting
from tests.support.postgres import Postgres, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.anyio


@contextmanager
def serving_twice(folder: Path, url: str, issuer: str) -> Iterator[tuple[str, str]]:
    """The addresses of two processes with the same keys."""
    variables = {
        "SSHCAST_DATABASE_URL": url,
        "SSHCAST_SIGNING_KEY": os.urandom(32).hex(),
        "SSHCAST_SECRET_KEY": os.urandom(32).hex(),
        "SSHCAST_PUBLIC_URL": "http://127.0.0.1:1",
        "SSHCAST_OIDC_ISSUER": issuer,
        "SSHCAST_OIDC_CLIENT_ID": CLIENT,
        "SSHCAST_OIDC_ROLE_MAP": "ops=operator",
    }
    with ExitStack() as stack:
        folders = [folder / name for name in ("one", "other")]
        for each in folders:
            each.mkdir()
        yield tuple(stack.enter_context(Commands(each / "data", variables).serving()) for each in folders)  # type: ignore[misc]


@pytest.fixture(scope="module")
async def pair(
    postgres: Postgres, forger: Forger, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, str]]:
    async with postgres.database() as url:
        with serving_twice(tmp_path_factory.mktemp("pair"), url, forger.issuer) as found:
            yield found


async def test_a_code_of_one_process_is_redeemed_at_the_other_once(pair: tuple[str, str], forger: Forger) -> None:
    async with visiting(pair[0]) as one, visiting(pair[1]) as other:
        asked = CommandLine()
        code = (await Person(one.http).sign_in(forger, asked, sub="p1"))["code"]
        answer = await asked.exchange(other.http, code)
        assert answer.status_code == 200, answer.text
        assert (await one.profile(answer.json()["data"]["access_token"]))["role"] == "operator"
        for each in (one, other):
            assert (await asked.exchange(each.http, code)).status_code == 401


async def test_a_wrong_verifier_at_one_process_uses_the_code_up_at_both(pair: tuple[str, str], forger: Forger) -> None:
    async with visiting(pair[0]) as one, visiting(pair[1]) as other:
        asked = CommandLine()
        code = (await Person(other.http).sign_in(forger, asked, sub="p1"))["code"]
        assert (await asked.exchange(one.http, code, codeVerifier="w" * 43)).status_code == 401
        assert (await asked.exchange(other.http, code)).status_code == 401


async def test_of_many_that_redeem_a_code_at_once_at_both_one_gets_in(pair: tuple[str, str], forger: Forger) -> None:
    async with visiting(pair[0]) as one, visiting(pair[1]) as other:
        asked = CommandLine()
        code = (await Person(one.http).sign_in(forger, asked, sub="p3"))["code"]
        answers = await asyncio.gather(*(asked.exchange(each.http, code) for each in (one, other) * 5))
        assert sorted(answer.status_code for answer in answers) == [200, *[401] * 9]


async def test_who_said_yes_at_one_process_may_come_back_to_the_other(pair: tuple[str, str], forger: Forger) -> None:
    """What a browser keeps is sealed by the signing key that all processes have."""
    async with visiting(pair[0]) as one, visiting(pair[1]) as other:
        asked = CommandLine()
        begun = await Person(one.http).say_yes(asked.query)
        forger.answer = {"id_token": forger.id_token(nonce=begun["nonce"], sub="p2")}
        other.http.cookies = one.http.cookies
        leads = await Person(other.http).come_back(code="c", state=begun["state"])
        code = leads.partition("code=")[2].partition("&")[0]
        assert (await asked.exchange(one.http, code)).status_code == 200
