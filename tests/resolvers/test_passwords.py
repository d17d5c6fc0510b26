"""Passwords: Argon2id with the parameters that OWASP asks for, and the same time for a user that is not there."""

import asyncio
import re
import time

import pytest

from resolvers import passwords
from resolvers.passwords import AT_ONCE, NO_PASSWORD, Passwords

pytestmark = pytest.mark.anyio


async def test_a_hash_is_argon2id_with_19_mib_two_passes_and_a_salt_of_its_own() -> None:
    made = [await Passwords().hash("correct horse") for _ in range(2)]
    assert all(
        re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}\Z", each) for each in made
    )
    assert made[0] != made[1]


async def test_only_the_password_that_was_hashed_matches() -> None:
    keeper = Passwords()
    phc = await keeper.hash("correct horse")
    assert await keeper.matches("correct horse", phc)
    assert not await keeper.matches("Correct horse", phc)
    assert not await keeper.matches("", phc)
    assert not await keeper.matches("correct horse", None)


async def test_any_text_can_be_a_password() -> None:
    keeper = Passwords()
    for password in ("密码 😀 with\0NUL", "x" * 1024):
        assert await keeper.matches(password, await keeper.hash(password))


async def test_a_user_that_is_not_there_is_hashed_for_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    real = passwords.verify_password

    def noted(password: str, phc: str) -> bool:
        verified.append(phc.rsplit("$", 2)[0])
        return real(password, phc)

    monkeypatch.setattr(passwords, "verify_password", noted)
    keeper = Passwords()
    phc = await keeper.hash("correct horse")
    await keeper.matches("wrong", phc)
    assert not await keeper.matches("wrong", None)
    assert not await keeper.matches(NO_PASSWORD, NO_PASSWORD), "a user whom the identity provider vouches for"
    assert verified == [phc.rsplit("$", 2)[0]] * 3


async def test_no_more_than_two_are_hashed_at_once_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    def slow(password: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        return password

    monkeypatch.setattr(passwords, "hash_password", slow)
    keeper = Passwords()
    hashing = asyncio.gather(*(keeper.hash("x") for _ in range(8)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert most == AT_ONCE
    assert turns > 100
