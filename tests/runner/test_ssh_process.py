"""Commands over real SSH: OpenSSH's sshd and our demo server."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from runner.ssh.client import ConnectFailed, Exit, ServerConnection, connect
from tests.support.targets import Output, Target, run
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

EVERY_BYTE = bytes(range(256))
OCTAL = "".join(f"\\{byte:03o}" for byte in EVERY_BYTE)


@pytest.fixture
async def connection(target: Target) -> AsyncIterator[ServerConnection]:
    made = await connect(target.endpoint())
    yield made
    await made.close()


async def test_the_two_streams_arrive_apart_with_every_byte_value(connection: ServerConnection) -> None:
    exit, output = await run(connection, f"printf '{OCTAL}'; printf 'err{OCTAL}' >&2")
    assert exit == Exit(0, None, False)
    assert output.stdout == EVERY_BYTE
    assert output.stderr == b"err" + EVERY_BYTE


@pytest.mark.parametrize("status", [0, 1, 42, 126, 127, 255])
async def test_the_exit_status_is_the_commands(connection: ServerConnection, status: int) -> None:
    exit, _ = await run(connection, f"exit {status}")
    assert exit == Exit(status, None, False)


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV"])
async def test_an_end_by_signal_is_told_as_the_signal(connection: ServerConnection, name: str) -> None:
    exit, output = await run(connection, f"printf before; kill -{name} $$")
    assert exit == Exit(None, name, False)
    assert output.stdout == b"before"


async def test_ten_megabytes_on_each_stream_arrive_unchanged(connection: ServerConnection) -> None:
    block = hashlib.sha256(b"seed").digest() * 32  # 1 KiB without a newline at its end
    expected = hashlib.sha256(block * 10240).hexdigest()
    script = 'd=$(mktemp); cat > "$d"; (cat "$d" >&2) & cat "$d"; wait; rm "$d"'
    exit, output = await run(connection, script, stdin=block * 10240)
    assert exit.status == 0
    assert hashlib.sha256(output.stdout).hexdigest() == expected
    assert hashlib.sha256(output.stderr).hexdigest() == expected


async def test_stdin_given_is_read_to_its_end(connection: ServerConnection) -> None:
    exit, output = await run(connection, "cat; echo over", stdin=EVERY_BYTE)
    assert exit.status == 0
    assert output.stdout == EVERY_BYTE + b"over\n"


async def test_stdin_left_open_takes_what_is_written_later(connection: ServerConnection) -> None:
    output = Output()
    process = await connection.start("cat", on_output=output)
    process.write(b"one ")
    await until(lambda: output.stdout == b"one ")
    process.write(b"two")
    process.write_eof()
    assert (await process.wait()).status == 0
    assert output.stdout == b"one two"


async def test_a_signal_reaches_the_command(demo_target: Target) -> None:
    """Not on OpenSSH: its sshd refuses signals where it does not separate privileges, as for root."""
    connection = await connect(demo_target.endpoint())
    output = Output()
    script = "trap 'echo caught; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    process = await connection.start(script, on_output=output)
    await until(lambda: b"up" in output.stdout)
    process.signal("SIGTERM")
    assert (await process.wait()).status == 7
    assert b"caught" in output.stdout
    await connection.close()


async def test_a_child_that_keeps_the_pipe_does_not_keep_the_run(
    connection: ServerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.ssh.process.EOF_GRACE_SECONDS", 0.5)
    monkeypatch.setattr("sshcast.demo.command.EOF_GRACE_SECONDS", 0.5)
    async with asyncio.timeout(12):
        exit, output = await run(connection, "echo started; sleep 20 & exit 3")
    assert (exit.status, exit.lost) == (3, False)
    assert output.stdout == b"started\n"


async def test_paused_output_stays_at_the_command_and_comes_after_resume(connection: ServerConnection) -> None:
    output = Output()
    process = await connection.start("head -c 20000000 /dev/zero", on_output=output)
    process.pause()
    await run(connection, "sleep 0.3")  # another channel goes on meanwhile
    held = len(output.stdout)
    assert held < 3_000_000
    process.resume()
    assert (await process.wait()).status == 0
    assert len(output.stdout) == 20_000_000


async def test_output_that_is_paused_when_the_command_ends_is_not_lost(connection: ServerConnection) -> None:
    output = Output()
    process = await connection.start("sleep 0.1; head -c 300000 /dev/zero; exit 5", on_output=output)
    process.pause()
    await run(connection, "sleep 0.4")
    assert not output.stdout
    process.resume()
    assert await process.wait() == Exit(5, None, False)
    assert len(output.stdout) == 300_000


async def test_a_failing_listener_ends_its_own_command_only(connection: ServerConnection) -> None:
    def fail(stream: str, data: bytes) -> None:
        raise RuntimeError("listener")

    other = await connection.start("cat", on_output=Output())
    process = await connection.start("echo x; sleep 60", on_output=fail)
    with pytest.raises(RuntimeError, match="listener"):
        await process.wait()
    other.write_eof()
    assert (await other.wait()).status == 0


async def test_the_end_is_told_once_to_on_closed(connection: ServerConnection) -> None:
    ends: list[Exit] = []
    process = await connection.start("exit 9", on_output=Output(), on_closed=ends.append, stdin=b"")
    await process.wait()
    await process.close()
    assert ends == [Exit(9, None, False)]


async def test_a_connection_that_goes_away_leaves_the_exit_unknown(target: Target) -> None:
    connection = await connect(target.endpoint())
    output = Output()
    process = await connection.start("echo up; sleep 60", on_output=output)
    await until(lambda: output.stdout)
    await connection.close()
    assert await process.wait() == Exit(None, None, True)
    assert not connection.is_alive


async def test_a_command_on_a_closed_connection_certainly_did_not_start(target: Target) -> None:
    connection = await connect(target.endpoint())
    await connection.close()
    with pytest.raises(ConnectFailed) as failed:
        await connection.start("echo x", on_output=Output())
    assert failed.value.reason == "START_FAILED"


async def test_a_command_starts_while_fifty_others_do_on_one_connection(demo_target: Target) -> None:
    connection = await connect(demo_target.endpoint())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(connection, f"echo {n}; exit {n}")) for n in range(50)]
    for n, task in enumerate(tasks):
        exit, output = task.result()
        assert (exit.status, bytes(output.stdout)) == (n, f"{n}\n".encode())
    await connection.close()
