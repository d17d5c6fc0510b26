"""Which addresses a server may be at: none where clouds give their credentials away, none that an admin denies."""

import asyncio
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runner.ssh.client import connect
from runner.ssh.dial import dial
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy
from runner.ssh.protocol import ConnectFailed
from runner.ssh.scan import ScanOptions, scan_host_keys
from sshcast import app
from sshcast.settings import Settings, SettingsInvalid, load
from tests.support.service import running
from tests.support.targets import Target, run

pytestmark = pytest.mark.anyio

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fe80::a9fe:a9fe",
    "fe80::1%lo",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
]
USUAL_PLACES = ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "fd12::1", "2001:db8::1"]


@pytest.mark.parametrize("address", METADATA)
async def test_where_clouds_keep_credentials_no_server_can_be(address: str) -> None:
    assert not DEFAULT_POLICY.permits(address)
    with pytest.raises(ConnectFailed, match="SSHCAST_ALLOWED_NETWORKS") as failed:
        await dial(address, 22, seconds=1)
    assert not failed.value.passing


@pytest.mark.parametrize("address", USUAL_PLACES)
def test_other_places_are_allowed_until_they_are_denied(address: str) -> None:
    assert DEFAULT_POLICY.permits(address)
    assert not NetworkPolicy.of(denied=["0.0.0.0/0", "::/0"]).permits(address)
    assert NetworkPolicy.of(denied=["0.0.0.0/0", "::/0"], allowed=[address]).permits(address)


def test_what_is_allowed_wins_however_it_is_written() -> None:
    found = NetworkPolicy.of(allowed=["169.254.10.0/24"], denied=["10.0.0.5/8"])
    assert found.permits("169.254.10.7")
    assert not found.permits("169.254.169.254")
    assert not found.permits("::ffff:10.1.2.3")


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", ["localhost", "127.1", "2130706433", "0x7f.1"])
async def test_a_name_is_judged_by_what_it_stands_for(port: int, name: str) -> None:
    (await dial(name, port, seconds=5)).close()
    with pytest.raises(ConnectFailed, match="may not connect"):
        await dial(name, port, seconds=5, network_policy=NetworkPolicy.of(denied=["127.0.0.0/8", "::1"]))


async def test_a_name_is_looked_up_once_and_that_address_is_dialled(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time gains nothing."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    def looked_up(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with await dial("rebinding.example", port, seconds=5) as connected:
        assert connected.getpeername() == ("127.0.0.1", port)
    assert answers == [["169.254.169.254"]]
    with pytest.raises(ConnectFailed, match="may not connect"):
        await dial("rebinding.example", port, seconds=5)


async def test_of_several_addresses_only_the_allowed_are_tried(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []
    both = [(socket.AF_INET, 1, 6, "", (address, port)) for address in ("169.254.169.254", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    loop = asyncio.get_running_loop()
    connecting = loop.sock_connect

    async def noted(sock: socket.socket, address: Any) -> None:
        tried.append(address[0])
        await connecting(sock, address)

    monkeypatch.setattr(loop, "sock_connect", noted)
    (await dial("both.example", port, seconds=5)).close()
    assert tried == ["127.0.0.1"]


async def test_a_list_of_ports_holds_for_every_server(port: int) -> None:
    (await dial("127.0.0.1", port, seconds=5, network_policy=NetworkPolicy.of(ports=[port]))).close()
    with pytest.raises(ConnectFailed, match="SSHCAST_ALLOWED_PORTS"):
        await dial("127.0.0.1", port, seconds=5, network_policy=NetworkPolicy.of(ports=[22]))


async def test_runs_and_scans_keep_to_it(demo_target: Target) -> None:
    network_policy = NetworkPolicy.of(denied=["127.0.0.0/8"])
    with pytest.raises(ConnectFailed, match="may not connect"):
        await partial(connect, network_policy=network_policy)(demo_target.endpoint())
    with pytest.raises(ConnectFailed, match="may not connect"):
        await scan_host_keys(demo_target.host, demo_target.port, ScanOptions(network_policy=network_policy))
    connection = await connect(demo_target.endpoint())
    assert (await run(connection, "true"))[0].status == 0
    await connection.close()


def test_the_settings_decide(tmp_path: Path) -> None:
    lists: dict[str, Any] = {
        "allowed_networks": ["169.254.1.0/24"],
        "denied_networks": ["127.0.0.1"],
        "allowed_ports": [22],
    }
    found = app.build_network_policy(Settings(data=tmp_path, **lists))
    assert found == NetworkPolicy.of(allowed=["169.254.1.0/24"], denied=["127.0.0.1"], ports=[22])
    with pytest.raises(SettingsInvalid, match="SSHCAST_DENIED_NETWORKS"):
        load(data=tmp_path, denied_networks=["metadata"])


async def test_a_run_on_a_server_out_of_reach_says_what_to_do(tmp_path: Path) -> None:
    """A server that was registered before its network was denied."""
    registering = {"network_policy": DEFAULT_POLICY}
    async with running(tmp_path, drive=True, denied_networks=["127.0.0.0/8"], parts=registering) as service:
        query = """mutation($id: ID!) { runCommand(input: {serverId: $id, command: "true", wait: 60}) {
          execution { state reason message } } }"""
        found = (await service.data(query, id=str(service.server.id)))["runCommand"]["execution"]
    assert (found["state"], found["reason"]) == ("FAILED", "UNREACHABLE")
    assert "SSHCAST_ALLOWED_NETWORKS" in found["message"]
