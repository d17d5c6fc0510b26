"""Hosts, user names and keys as people paste them are read, or they are told what is wrong with them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from resolvers import servers
from resolvers.errors import Invalid
from resolvers.inputs import NewCredential, ServerChange
from runner.ssh.networks import NetworkPolicy
from tests.support.desk import Desk, at_a_desk

pytestmark = pytest.mark.anyio


async def refused(call: Any, field: tuple[str, ...]) -> Invalid:
    """What it is refused with, in both languages."""
    with pytest.raises(Invalid) as caught:
        await call
    assert caught.value.field == field
    assert caught.value.text("zh") != caught.value.text("en")
    return caught.value


HOSTS = {
    "web.example": "web.example",
    "WEB.Example": "WEB.Example",
    " web.example\n": "web.example",
    "\u00a0web.example": "web.example",
    "web.example.": "web.example.",
    "web_1": "web_1",
    "::1": "::1",
    "[::1]": "::1",
    "192.0.2.7": "192.0.2.7",
    "münchen.example": "xn--mnchen-3ya.example",
    "MÜNCHEN.example": "xn--mnchen-3ya.example",
    "例え。テスト": "xn--r8jz45g.xn--zckzah",
    "ｗｅｂ．ｅｘａｍｐｌｅ": "web.example",
}


@pytest.mark.parametrize(("given", "kept"), HOSTS.items(), ids=map(ascii, HOSTS))
async def test_a_host_is_read_and_what_is_kept_is_shown(desk: Desk, given: str, kept: str) -> None:
    assert (await desk.server(name="other", host=given)).host == kept
    changed = await servers.update(desk.admin, 1, ServerChange(host=given))
    assert changed.host == (await servers.get(desk.viewer, 1)).host == kept


NO_HOSTS = {
    "web.example:2222": "put 2222 in `port`",
    "web.example:0": "put 0 in `port`",
    "web.example:": "in `port`",
    "192.0.2.7:22": "put 22 in `port`",
    "[::1]:2222": "put 2222 in `port`",
    "deploy@web.example": "in `username`",
    "DOMAIN\\deploy@web.example": "in `username`",
    "ssh://deploy@web.example:22": "is a URL",
    "https://web.example/": "is a URL",
    "web.example/srv": "without a port, a path or blanks",
    "two words": "blanks",
    "[web.example]": "must be a host name",
    "[::1": "must be a host name",
    "1:2:3": "must be a host name",
    "fe80::1%": "must be a host name",
    "web..example": "must be a host name",
    "x" * 64 + ".example": "must be a host name",
    "straße.example": "give its xn-- form",
    "web\u202e.example": "must be a host name",
    "ws\ud800": "valid Unicode",
    "\u200b": "must be a host name",
}


@pytest.mark.parametrize(("given", "told"), NO_HOSTS.items(), ids=map(ascii, NO_HOSTS))
async def test_what_is_more_or_less_than_a_host_is_told_where_it_belongs(
    shared_desk: Desk, given: str, told: str
) -> None:
    for call in (
        shared_desk.server(name="other", host=given),
        servers.update(shared_desk.admin, 1, ServerChange(host=given)),
    ):
        assert told in (await refused(call, ("host",))).en


USERS = {
    "DOMAIN+deploy": "DOMAIN+deploy",
    "DOMAIN\\deploy": "DOMAIN\\deploy",
    "deploy@corp.example": "deploy@corp.example",
    "a:b": "a:b",
    "user#x": "user#x",
    "two words": "two words",
    "jürgen": "jürgen",
    "ju\u0308rgen": "jürgen",
    "用户": "用户",
    "machine$": "machine$",
    " deploy\r\n": "deploy",
    "ａdmin": "admin",
}


@pytest.mark.parametrize(("given", "kept"), USERS.items(), ids=map(ascii, USERS))
async def test_a_user_name_of_a_real_system_is_kept_as_ssh_carries_it(desk: Desk, given: str, kept: str) -> None:
    assert (await desk.server(name="other", username=given)).username == kept


NO_USERS = {
    "a\nb": "U+000A",
    "a\0": "U+0000",
    "a\u200bb": "U+200B (zero width space)",
    "a\u202eb": "U+202E (right-to-left override)",
    "a\ud800": "U+D800",
    "a\ue000": "U+E000",
    "משהa": "writing directions",
    "-x": "begin with -",
}


@pytest.mark.parametrize(("given", "told"), NO_USERS.items(), ids=map(ascii, NO_USERS))
async def test_what_ssh_cannot_carry_in_a_user_name_is_named(shared_desk: Desk, given: str, told: str) -> None:
    error = await refused(shared_desk.server(name="other", username=given), ("username",))
    assert told in error.en
    assert given not in error.en + error.chinese


async def test_an_empty_passphrase_is_none(desk: Desk) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    plain = NewCredential(private_key=key.export_private_key().decode(), passphrase="")
    assert (await desk.server(name="by key", credential=plain)).credential_kind == "key"
    password = NewCredential(password="a password", passphrase="")
    assert (await desk.server(name="by password", credential=password)).credential_kind == "password"
    locked = NewCredential(private_key=key.export_private_key(passphrase="x", rounds=50).decode(), passphrase="")
    error = await refused(desk.server(name="locked", credential=locked), ("credential", "passphrase"))
    assert "needed" in error.en


async def test_a_key_that_was_pasted_badly_is_refused_in_both_languages(shared_desk: Desk) -> None:
    credential = NewCredential(private_key="PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
    field = ("credential", "private_key")
    error = await refused(shared_desk.server(name="other", credential=credential), field)
    assert "puttygen key.ppk -O private-openssh -o key" in error.en
    assert "puttygen key.ppk -O private-openssh -o key" in error.chinese


DENIED = ["10.1.2.3", "169.254.169.254", "::ffff:10.1.2.3", "[fe80::1%eth0]", "10.66051", "localhost"]


@pytest.mark.parametrize("host", DENIED)
async def test_a_server_in_a_network_that_is_denied_is_refused_when_it_is_registered(
    template: Path, tmp_path: Path, host: str
) -> None:
    async with at_a_desk(template, tmp_path) as desk:
        desk.service = replace(
            desk.service, network_policy=NetworkPolicy.of(denied=("10.0.0.0/8", "127.0.0.0/8", "::1/128"))
        )
        for call in (
            desk.server(name="other", host=host),
            servers.update(desk.admin, 1, ServerChange(host=host)),
        ):
            error = await refused(call, ("host",))
            assert "SSHCAST_ALLOWED_NETWORKS" in error.en
        assert (await servers.get(desk.viewer, 1)).host == "127.0.0.1"


async def test_a_name_that_nobody_knows_yet_is_registered(desk: Desk) -> None:
    assert (await desk.server(name="other", host="not-yet.invalid")).host == "not-yet.invalid"


async def test_the_settings_say_which_networks_and_ports_may_be_registered(template: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"denied_networks": ("10.0.0.0/8",), "allowed_ports": (22, 2222)}
    async with at_a_desk(template, tmp_path, **settings) as desk:
        await refused(desk.server(name="other", host="10.0.0.1"), ("host",))
        await refused(desk.server(name="other", port=443), ("port",))
        await refused(servers.update(desk.admin, 1, ServerChange(port=443)), ("port",))
        assert (await desk.server(name="other", port=2222)).port == 2222
