"""The demo's SSH server: one key, commands only, on the loopback interface, and nothing of it left behind."""

import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from runner.ssh.client import ConnectFailed, Credential, Exit, ServerConnection, connect
from sshcast.demo.server import DemoServer, ensure_key
from tests.support.local_target import is_alive
from tests.support.targets import Output, Target, make_key, run, running_demo
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Target]:
    async with running_demo(tmp_path) as target:
        yield target


@pytest.fixture
async def connection(demo: Target) -> AsyncIterator[ServerConnection]:
    made = await connect(demo.endpoint())
    yield made
    await made.close()


async def raw(demo: Target) -> asyncssh.SSHClientConnection:
    """A client that asks for more than sshcast does."""
    key = asyncssh.import_private_key(demo.private_key)
    return await asyncssh.connect(
        demo.host, demo.port, username="me", client_keys=[key], known_hosts=None, config=None, agent_path=None
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    _, public = ensure_key(tmp_path / "user")
    with pytest.raises(ValueError, match="loopback"):
        await DemoServer.start(host_key_path=tmp_path / "host", authorized_key=public, host=host)


async def test_its_host_key_is_kept_for_the_next_start_and_for_its_owner_only(tmp_path: Path) -> None:
    async with running_demo(tmp_path) as first:
        pass
    async with running_demo(tmp_path) as second:
        assert second.host_key == first.host_key
    assert stat.S_IMODE((tmp_path / "host").stat().st_mode) == 0o600


async def test_a_taken_port_is_an_os_error(tmp_path: Path, demo: Target) -> None:
    _, public = ensure_key(tmp_path / "user")
    with pytest.raises(OSError, match="in use"):
        await DemoServer.start(host_key_path=tmp_path / "host", authorized_key=public, port=demo.port)


async def test_a_stranger_is_not_let_in_by_key_or_password(demo: Target, tmp_path: Path) -> None:
    for credential in (Credential("key", make_key(tmp_path / "stranger")), Credential("password", "")):
        with pytest.raises(ConnectFailed) as failed:
            await connect(demo.endpoint(credential=credential))
        assert failed.value.reason == "AUTH_FAILED"


async def test_it_runs_commands_and_nothing_else(demo: Target) -> None:
    connection = await raw(demo)
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.create_process()  # a login shell
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.start_sftp_client()
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.open_connection("127.0.0.1", demo.port)
    with pytest.raises(asyncssh.ChannelListenError):
        await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", demo.port)
    assert (await connection.run("echo still here")).stdout == "still here\n"
    connection.close()
    await connection.wait_closed()


async def test_a_command_gets_no_terminal(demo: Target) -> None:
    connection = await raw(demo)
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.run("tty", term_type="xterm")
    assert (await connection.run("tty")).exit_status == 1
    connection.close()
    await connection.wait_closed()


async def test_a_command_sees_nothing_of_the_services_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSHCAST_SECRET_KEY", "s3cret")
    async with running_demo(tmp_path) as demo:
        connection = await connect(demo.endpoint())
        _, output = await run(connection, "env")
        await connection.close()
    assert b"s3cret" not in output.stdout
    assert b"PATH=" in output.stdout


async def test_a_signal_reaches_the_whole_group(connection: ServerConnection) -> None:
    output = Output()
    process = await connection.start("sleep 60 & echo $!; wait", on_output=output)
    await until(lambda: output.stdout)
    process.signal("TERM")
    assert await process.wait() == Exit(None, "TERM", False)
    await until(lambda: not is_alive(int(output.stdout)))


async def test_a_command_whose_channel_closes_is_ended_and_killed_if_it_does_not_listen(
    connection: ServerConnection,
) -> None:
    output = Output()
    process = await connection.start("trap '' TERM; echo $$; while :; do sleep 0.05; done", on_output=output)
    await until(lambda: output.stdout)
    await process.close()
    await until(lambda: not is_alive(int(output.stdout)))


async def test_a_command_with_a_session_of_its_own_outlives_its_connection(demo: Target) -> None:
    connection = await connect(demo.endpoint())
    _, output = await run(connection, "setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $!")
    await connection.close()
    again = await connect(demo.endpoint())
    assert (await run(again, f"kill -0 {int(output.stdout)}"))[0].status == 0
    os.kill(int(output.stdout), signal.SIGKILL)
    await again.close()


async def test_closing_the_server_ends_its_commands(tmp_path: Path) -> None:
    output = Output()
    async with running_demo(tmp_path) as demo:
        connection = await connect(demo.endpoint())
        process = await connection.start("trap '' TERM HUP; echo $$; sleep 60", on_output=output)
        await until(lambda: output.stdout)
    assert (await process.wait()).lost
    assert not is_alive(int(output.stdout))
    await connection.close()


async def test_a_command_that_cannot_be_run_says_so(connection: ServerConnection) -> None:
    exit, output = await run(connection, "printf '\0'")
    assert exit.status == 126
    assert b"cannot be run" in output.stderr
