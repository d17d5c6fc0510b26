"""What is pinned for a server: lines of known_hosts, the name of its certificate, old algorithms."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from db import audit as audit_table
from db.audit import AuditFilter
from db.page import Window
from db.values import LegacyAlgorithm
from resolvers import servers
from resolvers.errors import Forbidden, Invalid
from resolvers.inputs import ServerChange
from runner.execution import endpoint
from runner.ssh.protocol import Endpoint
from tests.support.desk import Desk
from tests.support.targets import make_key, public_line

pytestmark = pytest.mark.anyio


def hashed(folder: Path, line: str) -> str:
    """The line with its host as ssh-keygen hashes it."""
    path = folder / "known_hosts"
    path.write_text(f"{line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    return path.read_text().strip()


@pytest.mark.parametrize(
    ("host", "port", "alias", "names"),
    [
        ("web-1.example.com", 22, None, "web-1.example.com"),
        ("web-1.example.com", 22, None, "other,WEB-1.example.com,192.0.2.1"),
        ("web-1.example.com", 22, None, "*.example.com,!db.example.com"),
        ("web-1.example.com", 22, None, "web-?.example.com"),
        ("web-1.example.com", 2222, None, "[web-1.example.com]:2222"),
        ("web-1.example.com", 2222, None, "[*.example.com]:2222"),
        ("web-1.example.com", 2222, "cluster", "cluster"),
        ("2001:db8::1", 22, None, "2001:db8::1"),
        ("2001:db8::1", 2222, None, "[2001:db8::1]:2222"),
    ],
)
async def test_a_line_of_known_hosts_for_this_server_is_pinned_without_its_names(
    desk: Desk, tmp_path: Path, host: str, port: int, alias: str | None, names: str
) -> None:
    where = {"host": host, "port": port, "host_key_alias": alias}
    lines = ["# from my laptop", "", f"  {names}   {desk.host_key}  root@web "]
    made = await desk.server(name="plain", host_keys=lines, **where)
    assert (made.host_keys, made.host_key_alias) == ([desk.host_key], alias)
    if not any(char in names for char in "*?,"):
        line = hashed(tmp_path, f"{names} {desk.host_key}")
        assert line.startswith("|1|")
        assert (await desk.server(name="hashed", host_keys=[line], **where)).host_keys == [desk.host_key]


@pytest.mark.parametrize(
    "names",
    [
        "other.example.com",
        "[web-1.example.com]:2222",
        "web-1",
        "example.com",
        "*.example.com,!web-1.example.com",
        "web-1.example.com.evil.example",
        "|1|AAAA|AAAA",
        "|2|AAAA|AAAA",
        "|1|%%|%%",
    ],
)
async def test_a_line_for_another_server_is_refused_by_its_number(desk: Desk, names: str) -> None:
    keys = [desk.host_key, f"{names} {desk.host_key}"]
    for call in (
        desk.server(name="other", host="web-1.example.com", host_keys=keys),
        servers.update(desk.admin, 1, ServerChange(host="web-1.example.com", host_keys=keys)),
    ):
        with pytest.raises(Invalid, match="line 2 is for ") as caught:
            await call
        assert caught.value.field == ("host_keys",)
        assert "第 2 行" in caught.value.text("zh")


async def test_a_plain_name_is_no_other_ports_and_a_hashed_one_neither(desk: Desk, tmp_path: Path) -> None:
    for line in (f"web-1 {desk.host_key}", hashed(tmp_path, f"web-1 {desk.host_key}")):
        with pytest.raises(Invalid, match="not for web-1 port 2222"):
            await desk.server(name="other", host="web-1", port=2222, host_keys=[line])


async def test_authorities_and_revoked_keys_are_pinned_as_such_and_may_be_given_back(
    desk: Desk, tmp_path: Path
) -> None:
    make_key(tmp_path / "bad")
    bad = public_line(tmp_path / "bad")
    given = [f"@cert-authority *.example.com,[*.example.com]:* {desk.host_key} the CA", f"@revoked * {bad}"]
    made = await desk.server(name="other", host="web-1.example.com", port=2222, host_keys=given)
    pinned = [f"@cert-authority * {desk.host_key}", f"@revoked * {bad}"]
    assert made.host_keys == pinned
    assert (await servers.update(desk.admin, made.id, ServerChange(host_keys=pinned))).host_keys == pinned
    assert (await reached(desk, made.id)).host_keys == tuple(pinned)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["@revoked * KEY"], "not all of them revoked"),
        (["# nothing"], "needs 1 to 16"),
        (["KEY"] * 17, "needs 1 to 16"),
        (["# nothing"] * 257, "needs 1 to 16"),
        (["@trusted * KEY"], "no marker of known_hosts"),
        (["@cert-authority"], "one line"),
        (["host KEY\nhost KEY"], "each line of a file by itself"),
        (["host ssh-dss AAAAB3NzaC1kc3M="], "not an accepted host key type"),
        (["\ud800 KEY"], "is for '\\\\ud800'"),
    ],
)
async def test_what_pins_nothing_is_refused(desk: Desk, lines: list[str], says: str) -> None:
    with pytest.raises(Invalid, match=says) as caught:
        await desk.server(name="other", host_keys=[line.replace("KEY", desk.host_key) for line in lines])
    assert caught.value.field == ("host_keys",)
    caught.value.text("en").encode()


@pytest.mark.parametrize("alias", ["", "two words", "*", "x" * 256, "a\nb", "é"])
async def test_an_alias_is_a_name(desk: Desk, alias: str) -> None:
    with pytest.raises(Invalid) as caught:
        await servers.update(desk.admin, 1, ServerChange(host_key_alias=alias))
    assert caught.value.field == ("host_key_alias",)


@pytest.mark.parametrize("name", ["none", "ssh-dss", "3des-cbc", "arcfour", "hmac-md5", "ssh-rsa", "AES_CBC", ""])
async def test_no_other_algorithm_can_be_allowed(desk: Desk, name: str) -> None:
    with pytest.raises(Invalid, match="must be one of ssh-rsa-sha1, diffie-hellman-group14-sha1, aes-cbc") as caught:
        await servers.update(desk.admin, 1, ServerChange(legacy_algorithms=[name]))
    assert caught.value.field == ("legacy_algorithms",)


async def test_allowed_algorithms_are_in_the_audit_by_name_and_reach_the_connection(either_desk: Desk) -> None:
    desk = either_desk
    every = [each.value for each in LegacyAlgorithm]
    made = await desk.server(name="old", legacy_algorithms=[*reversed(every), every[0]])
    assert made.legacy_algorithms == every
    assert (await reached(desk, made.id)).legacy_algorithms == tuple(every)
    change = ServerChange(legacy_algorithms=["aes-cbc"], host_key_alias="web-1")
    await servers.update(desk.admin, made.id, change)
    assert (await reached(desk, made.id)).host_key_alias == "web-1"
    created, updated = await last_events(desk)
    assert created["after"]["legacy_algorithms"] == every
    assert updated["before"] == {"legacy_algorithms": every, "host_key_alias": None}
    assert updated["after"] == {"legacy_algorithms": ["aes-cbc"], "host_key_alias": "web-1"}
    assert (await servers.update(desk.admin, made.id, ServerChange(host_key_alias=None))).host_key_alias is None


async def reached(desk: Desk, id: int) -> Endpoint:
    """The server as it is connected to."""
    return endpoint.build_endpoint(await servers.get(desk.viewer, id), desk.service.vault)


async def last_events(desk: Desk) -> list[dict[str, Any]]:
    found = await desk.service.store.read(audit_table.page, AuditFilter(), Window(limit=2, descending=True))
    return [
        {"before": json.loads(row.before or "null"), "after": json.loads(row.after or "null")} for row in found[1::-1]
    ]


async def test_only_admins_allow_old_algorithms(desk: Desk) -> None:
    for ctx in (desk.operator, desk.viewer):
        with pytest.raises(Forbidden):
            await servers.update(ctx, 1, ServerChange(legacy_algorithms=["aes-cbc"]))
