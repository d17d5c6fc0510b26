"""Servers: what signs in to them goes in sealed and comes out nowhere."""

import asyncio
import json
from typing import Any

import asyncssh
import pytest

from db import servers as table
from db.page import Window
from db.servers import ServerFilter
from db.values import Role
from resolvers import servers, tasks
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.inputs import NewCredential, ServerChange
from resolvers.paging import PageRequest
from tests.support.desk import NOON, Desk

pytestmark = pytest.mark.anyio

SECRET = "hunter2 is not guessed"
WHOLE: dict[str, Any] = {
    "name": "web 漢字",
    "host": "192.0.2.7",
    "port": 2222,
    "username": "deploy",
    "tags": ["prod", "eu"],
    "max_parallel": 3,
    "run_mode": "attached",
    "output_encoding": "euc-kr",
    "enabled": False,
}


@pytest.fixture(scope="module")
def key() -> Any:
    return asyncssh.generate_private_key("ssh-ed25519")


def pem(key: Any, passphrase: str | None = None) -> str:
    rounds = {} if passphrase is None else {"rounds": 50}  # as few as bcrypt takes without a warning
    return str(key.export_private_key(passphrase=passphrase, **rounds).decode())


async def opened(desk: Desk, id: int) -> dict[str, Any]:
    """What the vault gives back of a server's credential."""
    row = await servers.get(desk.viewer, id)
    found = desk.service.vault.open(row.credential, table="servers", row=str(id), field="credential")
    return dict(json.loads(found))


async def test_a_server_is_kept_as_it_was_given(desk: Desk) -> None:
    made = await desk.server(**WHOLE)
    row = await servers.get(desk.viewer, made.id)
    assert {name: getattr(row, name) for name in WHOLE} == WHOLE
    assert (row.host_keys, row.created_by, row.created_at) == ([desk.host_key], desk.users[Role.ADMIN].id, NOON)


async def test_a_credential_is_sealed_for_its_row_and_opens_with_the_key_only(desk: Desk, key: Any) -> None:
    first = await desk.server(name="first", credential=NewCredential(password=SECRET))
    assert await opened(desk, first.id) == {
        "kind": "password",
        "secret": SECRET,
        "passphrase": None,
        "certificate": None,
    }
    second = await desk.server(
        name="second", credential=NewCredential(private_key=pem(key, "open it"), passphrase="open it")
    )
    assert (await opened(desk, second.id))["passphrase"] == "open it"
    row = await servers.get(desk.viewer, first.id)
    assert SECRET.encode() not in row.credential
    assert SECRET not in repr(row)


async def test_a_new_credential_takes_the_place_of_the_old(desk: Desk, key: Any) -> None:
    made = await desk.server(name="first", credential=NewCredential(password=SECRET))
    secret = pem(key)
    row = await servers.update(desk.admin, made.id, ServerChange(credential=NewCredential(private_key=secret)))
    assert row.credential_kind == "key"
    assert (await opened(desk, made.id))["secret"] == secret


def bad_credentials() -> list[tuple[str, dict[str, str], tuple[str, ...]]]:
    mine, other = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    certificate = mine.generate_user_certificate(other, "test", principals=["root"]).export_certificate().decode()
    locked = pem(mine, "open it")
    return [
        ("nothing", {}, ("credential",)),
        ("two at once", {"password": SECRET, "private_key": pem(mine)}, ("credential",)),
        ("an empty password", {"password": ""}, ("credential", "password")),
        ("a long password", {"password": SECRET * 100}, ("credential", "password")),
        ("a password that is no Unicode", {"password": SECRET + "\ud800"}, ("credential", "password")),
        ("a password and a passphrase", {"password": SECRET, "passphrase": "x"}, ("credential", "password")),
        ("an empty key", {"private_key": ""}, ("credential", "private_key")),
        ("no key", {"private_key": SECRET}, ("credential", "private_key")),
        ("half a key", {"private_key": pem(mine)[:100]}, ("credential", "private_key")),
        ("a key that is no Unicode", {"private_key": pem(mine) + "\ud800"}, ("credential", "private_key")),
        ("a key with NUL", {"private_key": "PRIVATE KEY\0"}, ("credential", "private_key")),
        ("a huge key", {"private_key": pem(mine) + "x" * 65_536}, ("credential", "private_key")),
        ("a public key", {"private_key": mine.export_public_key().decode()}, ("credential", "private_key")),
        ("a locked key", {"private_key": locked}, ("credential", "passphrase")),
        ("a wrong passphrase", {"private_key": locked, "passphrase": SECRET}, ("credential", "passphrase")),
        (
            "a passphrase that is no Unicode",
            {"private_key": locked, "passphrase": "\ud800"},
            ("credential", "passphrase"),
        ),
        ("no certificate", {"private_key": pem(mine), "certificate": SECRET}, ("credential", "certificate")),
        (
            "another's certificate",
            {"private_key": pem(mine), "certificate": certificate},
            ("credential", "certificate"),
        ),
        ("a certificate alone", {"certificate": certificate}, ("credential",)),
    ]


BAD_CREDENTIALS = bad_credentials()


@pytest.mark.parametrize(
    ("given", "field"), [case[1:] for case in BAD_CREDENTIALS], ids=[case[0] for case in BAD_CREDENTIALS]
)
async def test_a_credential_that_cannot_sign_in_is_refused_and_not_repeated(
    shared_desk: Desk, given: dict[str, str], field: tuple[str, ...]
) -> None:
    new, desk = NewCredential(**given), shared_desk
    for call in (
        desk.server(name="other", credential=new),
        servers.update(desk.admin, 1, ServerChange(credential=new)),
    ):
        with pytest.raises(Invalid) as caught:
            await call
        assert caught.value.field == field
        shown = repr(caught.value) + caught.value.en + caught.value.chinese + repr(new)
        assert not [secret for secret in given.values() if len(secret) > 1 and secret in shown]
    assert await desk.service.store.read(table.count, ServerFilter()) == 1


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"host": ""}, "host"),
    ({"host": "-oProxyCommand=x"}, "host"),
    ({"host": "two words"}, "host"),
    ({"host": "x" * 256}, "host"),
    ({"host": "a\0b"}, "host"),
    ({"host": "\ud800"}, "host"),
    ({"host": "host\nhost"}, "host"),
    ({"port": 0}, "port"),
    ({"port": 65_536}, "port"),
    ({"port": 2**70}, "port"),
    ({"username": ""}, "username"),
    ({"username": "-x"}, "username"),
    ({"username": "x" * 65}, "username"),
    ({"username": "a\tb"}, "username"),
    ({"username": "\ud800"}, "username"),
    ({"host_keys": []}, "host_keys"),
    ({"host_keys": ["ssh-ed25519 AAAA"] * 17}, "host_keys"),
    ({"host_keys": ["ssh-ed25519"]}, "host_keys"),
    ({"host_keys": ["ssh-ed25519 AAAA"]}, "host_keys"),
    ({"host_keys": ["ssh-dss AAAA"]}, "host_keys"),
    ({"host_keys": ["ssh-ed25519 é"]}, "host_keys"),
    ({"host_keys": ["ssh-ed25519 \ud800"]}, "host_keys"),
    ({"host_keys": ["\0"]}, "host_keys"),
    ({"tags": ["two words"]}, "tags"),
    ({"tags": [""]}, "tags"),
    ({"tags": ["x" * 65]}, "tags"),
    ({"tags": ['a","b']}, "tags"),
    ({"tags": ["\ud800"]}, "tags"),
    ({"tags": [str(n) for n in range(33)]}, "tags"),
    ({"max_parallel": 0}, "max_parallel"),
    ({"max_parallel": 1001}, "max_parallel"),
    ({"run_mode": "sometimes"}, "run_mode"),
    ({"run_mode": ""}, "run_mode"),
]


@pytest.mark.parametrize(("given", "field"), BAD, ids=lambda case: ascii(case)[:40])
async def test_a_bad_value_is_refused_by_its_field_in_a_new_server_and_in_a_change(
    shared_desk: Desk, given: dict[str, Any], field: str
) -> None:
    desk = shared_desk
    before = await servers.get(desk.viewer, 1)
    for call in (desk.server(**{"name": "other"} | given), servers.update(desk.admin, 1, ServerChange(**given))):
        with pytest.raises(Invalid) as caught:
            await call
        assert caught.value.field == (field,)
        caught.value.text("en").encode()
    assert await servers.get(desk.viewer, 1) == before


async def test_a_host_key_is_kept_without_its_comment(desk: Desk) -> None:
    made = await desk.server(name="other", host_keys=[f"  {desk.host_key}   root@host "])
    assert made.host_keys == [desk.host_key]


async def test_tags_are_kept_once_in_their_order(desk: Desk) -> None:
    assert (await desk.server(name="other", tags=["b", "a", "b"])).tags == ["b", "a"]


async def test_a_name_is_one_servers_until_it_is_deleted(either_desk: Desk) -> None:
    other = await either_desk.server(name="other")
    for call in (either_desk.server(name="other"), servers.update(either_desk.admin, 1, ServerChange(name="other"))):
        with pytest.raises(Conflict, match="There is a server named other already") as caught:
            await call
        assert caught.value.field == ("name",)
    await servers.delete(either_desk.admin, other.id)
    assert (await either_desk.server(name="other")).id != other.id


async def test_of_many_that_take_a_name_at_once_one_gets_it(either_desk: Desk) -> None:
    found = await asyncio.gather(*(either_desk.server(name="other") for _ in range(8)), return_exceptions=True)
    assert [isinstance(each, Conflict) for each in found].count(False) == 1


async def test_a_deleted_server_is_gone_and_its_history_knows_it(desk: Desk) -> None:
    task = (await desk.task(cron_expr="@hourly")).task
    await servers.delete(desk.admin, 1)
    for call in (
        servers.get(desk.viewer, 1),
        servers.update(desk.admin, 1, ServerChange(port=23)),
        servers.delete(desk.admin, 1),
        servers.get(desk.viewer, 4711),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await servers.page(desk.viewer, ServerFilter(), PageRequest())).rows == []
    (known, unknown) = await servers.get_many(desk.viewer, [1, 99])
    assert (known and known.name, unknown) == ("server", None)
    assert (await tasks.get(desk.viewer, task.id)).server_id == 1


async def test_of_two_that_delete_a_server_one_does(either_desk: Desk) -> None:
    found = await asyncio.gather(*(servers.delete(either_desk.admin, 1) for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["NotFound", "Row"]


async def test_servers_are_listed_by_their_tags(desk: Desk) -> None:
    await desk.server(name="other", tags=["prod"])
    found = await servers.page(desk.viewer, ServerFilter(tag="prod"), PageRequest(order="name"))
    assert [row.name for row in found.rows] == ["other"]
    assert len(await desk.service.store.read(table.page, ServerFilter(), Window(limit=9))) == 2
