"""`sshcast user set` and `sshcast user password`."""

from pathlib import Path

import pytest

from db import users
from db.values import Role
from resolvers import sign_in
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound, Unauthenticated
from sshcast.app import open_service
from sshcast.commands import accounts
from sshcast.errors import CommandFailed
from sshcast.settings import Settings

pytestmark = pytest.mark.anyio

OLD, NEW = "correct horse battery", "another horse battery"


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A data folder with the viewer ada."""
    made = Settings(data=tmp_path / "data")
    await accounts.add(made, "ada", "viewer", OLD)
    return made


async def test_a_role_and_being_kept_out_change_apart(settings: Settings) -> None:
    for role, disabled, expected in (
        ("operator", None, (Role.OPERATOR, False)),
        (None, True, (Role.OPERATOR, True)),
        ("admin", False, (Role.ADMIN, False)),
    ):
        assert await accounts.change(settings, "ada", role, disabled) == 0
        async with open_service(settings) as service:
            user = await service.store.read(users.by_name, "ada")
            assert user is not None
            assert (user.role, user.disabled) == expected


async def test_only_the_new_password_signs_in(settings: Settings) -> None:
    assert await accounts.set_password(settings, "ada", NEW) == 0
    async with open_service(settings) as service:
        assert (await sign_in.login(Context(service), "ada", NEW)).user.name == "ada"
        with pytest.raises(Unauthenticated):
            await sign_in.login(Context(service), "ada", OLD)


async def test_what_cannot_be_is_refused(settings: Settings) -> None:
    with pytest.raises(CommandFailed, match="there is no user eve"):
        await accounts.change(settings, "eve", "viewer", None)
    with pytest.raises(CommandFailed, match="there is no user eve"):
        await accounts.set_password(settings, "eve", NEW)
    with pytest.raises(CommandFailed, match="give --role, --disable or --enable"):
        await accounts.change(settings, "ada", None, None)
    with pytest.raises(Invalid, match="role must be one of"):
        await accounts.change(settings, "ada", "boss", None)


async def test_grants_are_given_listed_and_taken(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    for place, role in (("web", "operator"), ("db", "viewer"), ("web", "admin")):
        assert await accounts.grant(settings, "ada", None, place, role) == 0
    assert await accounts.ungrant(settings, "ada", None, "db") == 0
    with pytest.raises(CommandFailed, match="no such grant"):
        await accounts.ungrant(settings, "ada", None, "db")
    capsys.readouterr()
    assert await accounts.list_users(settings) == 0
    assert capsys.readouterr().out == "1\tada\tviewer\ttag:web=admin\n"


async def test_a_grant_that_cannot_be_is_refused(settings: Settings) -> None:
    with pytest.raises(CommandFailed, match="there is no server web-1"):
        await accounts.grant(settings, "ada", "web-1", None, "viewer")
    with pytest.raises(NotFound, match="no server 7"):
        await accounts.grant(settings, "ada", "7", None, "viewer")
    for server, tag, role in (
        (None, None, "viewer"),
        ("1", "web", "viewer"),
        (None, "web", "none"),
        (None, "a b", "viewer"),
    ):
        with pytest.raises(Invalid):
            await accounts.grant(settings, "ada", server, tag, role)
