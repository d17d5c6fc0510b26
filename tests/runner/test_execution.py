"""From a pending row to a final one, over real SSH and a real database, in every way that can end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from db import servers
from db.store import Store
from db.values import Mode, Reason, State
from runner.execution import connector
from runner.execution.attached_run import LEFT
from runner.execution.drive import Drive
from runner.execution.outcome import Outcome, decide_by_exit
from runner.policy import Policy, Verdict
from runner.ssh import process
from runner.ssh.attempts import RetryPolicy
from runner.ssh.protocol import ShellSource
from tests.support import runs
from tests.support.findings import make_finding
from tests.support.ports import free_port
from tests.support.rig import Rig, Wanted, running
from tests.support.scripted_run import follow
from tests.support.targets import Target, make_key, public_line
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

EVERY_BYTE = "".join(f"\\{byte:03o}" for byte in range(256))


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store))) as started:
        yield started


@pytest.fixture
async def server(rig: Rig, target: Target) -> int:
    return await rig.server(target)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of something that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_exit_status_0_received_from_the_target_is_success(rig: Rig, server: int) -> None:
    row = await rig.ran(server, f"printf '{EVERY_BYTE}'; printf 'err{EVERY_BYTE}' >&2")
    assert (row.state, row.reason, row.exit_code, row.message) == (State.SUCCESS, Reason.EXIT_STATUS, 0, None)
    assert await rig.output(row.id) == (bytes(range(256)), b"err" + bytes(range(256)))
    assert (row.stdout_bytes, row.stderr_bytes, row.truncated) == (256, 259, False)
    assert row.mode == Mode.ATTACHED


async def test_its_times_are_in_order_and_its_duration_is_theirs(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "sleep 0.1")
    assert row.start_time is not None
    assert row.end_time is not None
    assert row.created_at <= row.start_time < row.end_time
    assert row.duration_ms == round((row.end_time - row.start_time).total_seconds() * 1000) >= 100


@pytest.mark.parametrize("status", [1, 42, 255])
async def test_another_exit_status_is_failure_with_that_status(rig: Rig, server: int, status: int) -> None:
    row = await rig.ran(server, f"echo before; exit {status}")
    assert (row.state, row.reason, row.exit_code) == (State.FAILED, Reason.EXIT_STATUS, status)
    assert await rig.output(row.id) == (b"before\n", b"")


async def test_an_end_by_signal_names_the_signal(rig: Rig, openssh: Target) -> None:
    row = await rig.ran(await rig.server(openssh), "echo before; kill -SEGV $$")
    assert (row.state, row.reason, row.exit_code, row.exit_signal) == (State.FAILED, Reason.SIGNAL, None, "SEGV")
    assert "SEGV" in (row.message or "")
    assert await rig.output(row.id) == (b"before\n", b"")


async def test_where_a_wrapper_may_stand_between_a_signal_shows_as_the_shell_tells_it(
    rig: Rig, demo_target: Target
) -> None:
    row = await rig.ran(await rig.server(demo_target), "echo before; kill -SEGV $$")
    assert (row.state, row.reason, row.exit_code, row.exit_signal) == (State.FAILED, Reason.EXIT_STATUS, 139, None)


@pytest.mark.parametrize(
    ("left", "message", "truncated"),
    [
        ("sleep 6.125 >/dev/null 2>&1 &", None, False),
        ("sleep 6.125 &", LEFT, False),
        ("while echo more; do sleep 0.02; done &", LEFT, True),
    ],
)
async def test_what_is_left_running_is_waited_for_a_while_and_then_said(
    rig: Rig, openssh: Target, monkeypatch: pytest.MonkeyPatch, left: str, message: str | None, truncated: bool
) -> None:
    monkeypatch.setattr(process, "EOF_GRACE_SECONDS", 0.2)
    monkeypatch.setattr(process, "EOF_GRACE_ROUNDS", 3)
    row = await rig.ran(await rig.server(openssh), f"echo started; {left}")
    assert (row.state, row.exit_code, row.message, row.truncated) == (State.SUCCESS, 0, message, truncated)
    assert row.verified_gone is None
    assert (await rig.output(row.id))[0].startswith(b"started\n")


async def test_ten_megabytes_in_one_line_without_an_end_arrive_whole(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "head -c 10000000 /dev/zero; head -c 3000000 /dev/zero | tr '\\0' x >&2")
    assert row.state == State.SUCCESS
    assert await rig.output(row.id) == (bytes(10_000_000), b"x" * 3_000_000)


async def test_the_environment_and_the_folder_are_those_asked_for(rig: Rig, server: int, tmp_path: Path) -> None:
    row = await rig.ran(server, 'pwd; echo "$GREETING"', env={"GREETING": 'it\'s $HOME \\ "!"'}, working_dir="/")
    assert (await rig.output(row.id))[0] == b'/\nit\'s $HOME \\ "!"\n'
    row = await rig.ran(server, "pwd", working_dir=str(tmp_path / "absent"))
    assert (row.state, row.exit_code) == (State.FAILED, 126)


async def test_output_beyond_the_cap_ends_the_run_and_is_said_to_be_cut(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "yes", output_limit=1000)
    assert (row.state, row.reason, row.truncated) == (State.FAILED, Reason.OUTPUT_LIMIT, True)
    assert row.verified_gone
    assert (await rig.output(row.id))[0] == b"y\n" * 500


async def test_output_of_exactly_the_cap_is_no_offence(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "printf 12345", output_limit=5)
    assert (row.state, row.truncated) == (State.SUCCESS, False)


async def test_the_time_limit_ends_the_run(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "echo before; sleep 60", timeout_seconds=1)
    assert (row.state, row.reason, row.verified_gone) == (State.TIMEOUT, Reason.TIMEOUT, True)
    assert "1 s" in (row.message or "")
    assert (await rig.output(row.id))[0] == b"before\n"


async def test_cancel_ends_a_running_command(rig: Rig, server: int) -> None:
    id = await rig.pending(server, "echo up; sleep 60")
    await rig.printed(id)
    assert await rig.cancel(id) == "requested"
    row = await rig.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (State.CANCELLED, Reason.CANCELLED, True)
    assert await rig.cancel(id) == "final"


async def test_cancel_of_what_waits_for_its_turn_never_starts_it(rig: Rig, demo_target: Target, tmp_path: Path) -> None:
    server = await rig.server(demo_target, max_parallel=1)
    first = await rig.pending(server, "echo up; sleep 60")
    await rig.printed(first)
    second = await rig.pending(server, f"touch {tmp_path / 'ran'}")
    assert await rig.cancel(second) == "cancelled"
    assert (await rig.row(second)).state == State.CANCELLED
    await rig.cancel(first)
    await rig.ended(first)
    assert not (tmp_path / "ran").exists()


async def test_cancel_acts_at_once_while_connecting(rig: Rig, demo_target: Target, black_hole: int) -> None:
    server = await rig.server(demo_target, port=black_hole)
    id = await rig.pending(server, "true")
    await rig.reaches(id, State.RUNNING)
    await rig.cancel(id)
    row = await rig.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (State.CANCELLED, Reason.CANCELLED, None)
    assert row.message == "cancelled before it started"


async def test_cancel_acts_between_two_attempts_to_connect(store: Store, demo_target: Target) -> None:
    wanted = Wanted(store=store, retry_policy=RetryPolicy(attempts=3, first_pause=600, longest_pause=600))
    async with running(Rig(wanted)) as rig:
        id = await rig.pending(await rig.server(demo_target, port=free_port()), "true")
        await rig.reaches(id, State.RUNNING)
        await rig.cancel(id)
        assert (await rig.ended(id)).state == State.CANCELLED


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({"host": "no-such-host.invalid"}, Reason.UNREACHABLE, "DNS"),
        ({"port": 1}, Reason.UNREACHABLE, "refused the connection"),
        ({"host": "-oProxyCommand=x"}, Reason.UNREACHABLE, "not a host name"),
        ({"host_keys": []}, Reason.HOST_KEY_UNKNOWN, "No host key is pinned"),
        ({"username": "nobody-of-that-name"}, Reason.AUTH_FAILED, "nobody-of-that-name"),
    ],
)
async def test_each_failure_to_connect_has_its_own_reason_and_words(
    rig: Rig, openssh: Target, change: dict[str, object], reason: Reason, words: str
) -> None:
    row = await rig.ran(await rig.server(openssh, **change), "true")
    assert (row.state, row.reason) == (State.FAILED, reason)
    assert words in (row.message or "")
    assert (row.exit_code, row.stdout_bytes) == (None, 0)


async def test_a_changed_host_key_is_told_as_such(rig: Rig, target: Target, tmp_path: Path) -> None:
    make_key(tmp_path / "another")
    row = await rig.ran(await rig.server(target, host_keys=[public_line(tmp_path / "another")]), "true")
    assert (row.state, row.reason) == (State.FAILED, Reason.HOST_KEY_CHANGED)


async def test_a_host_that_says_nothing_is_unreachable(rig: Rig, demo_target: Target, black_hole: int) -> None:
    row = await rig.ran(await rig.server(demo_target, port=black_hole), "true")
    assert (row.state, row.reason) == (State.FAILED, Reason.UNREACHABLE)
    assert "timeout" in (row.message or "")


async def test_what_may_pass_is_tried_again_and_what_will_not_is_not(rig: Rig, demo_target: Target) -> None:
    refused = await rig.ran(await rig.server(demo_target, port=1), "true")
    assert "Tried 2 times" in (refused.message or "")
    unknown = await rig.ran(await rig.server(demo_target, host_keys=[]), "true")
    assert "Tried" not in (unknown.message or "")


async def test_a_server_that_comes_back_between_two_attempts_runs_the_command(
    store: Store, demo_target: Target
) -> None:
    wanted = Wanted(store=store, retry_policy=RetryPolicy(attempts=50, first_pause=0.02, longest_pause=0.2))
    async with running(Rig(wanted)) as rig:
        port = free_port()
        id = await rig.pending(await rig.server(demo_target, port=port), "exit 3")
        await rig.reaches(id, State.RUNNING)
        forwarder = await asyncio.start_server(lambda reader, writer: relay(reader, writer, demo_target), port=port)
        async with forwarder:
            assert (await rig.ended(id)).exit_code == 3


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target) -> None:
    far_reader, far_writer = await asyncio.open_connection(target.host, target.port)
    await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("change", [{"enabled": False}, {"deleted_at": runs.now()}])
async def test_a_server_that_went_while_the_run_waited_starts_nothing(
    store: Store, demo_target: Target, change: dict[str, object]
) -> None:
    rig = Rig(Wanted(store=store))
    server = await rig.server(demo_target)
    id = await rig.pending(server, "true")
    await store.run(servers.update, server, change)
    async with running(rig):
        row = await rig.ended(id)
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
    assert "deleted or disabled" in (row.message or "")


async def test_a_credential_that_cannot_be_opened_starts_nothing(rig: Rig, demo_target: Target) -> None:
    elsewhere = runs.sealed(demo_target, server_id=999)
    for credential in (elsewhere, b"", runs.VAULT.seal(b"{}", table="servers", row="2", field="credential")):
        row = await rig.ran(await rig.server(demo_target, credential=credential), "true")
        assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
        assert "credential" in (row.message or "")


async def test_what_the_policy_refuses_by_now_is_not_started(store: Store, demo_target: Target, tmp_path: Path) -> None:
    async with running(Rig(Wanted(store=store, policy=RefusesAll.load()))) as rig:
        row = await rig.ran(await rig.server(demo_target), f"touch {tmp_path / 'ran'}")
    assert (row.state, row.reason) == (State.FAILED, Reason.REFUSED_BY_POLICY)
    assert row.message == "test.all: nothing may run"
    assert not (tmp_path / "ran").exists()


class RefusesAll(Policy):
    def check(self, command: str, **given: object) -> Verdict:
        finding = make_finding("test.all", "deny", message_en="nothing may run", text=command)
        return Verdict(findings=(finding,), version="1")


async def test_a_connection_lost_during_the_run_leaves_its_end_unknown(rig: Rig, openssh: Target) -> None:
    id = await rig.pending(await rig.server(openssh), "echo $PPID; exec sleep 60")
    sshd = int(await rig.printed(id))
    (await asyncio.create_subprocess_exec("kill", "-9", str(sshd)),)
    row = await rig.ended(id)
    assert (row.state, row.reason, row.exit_code) == (State.FAILED, Reason.LOST, None)
    assert "unknown" in (row.message or "")


@pytest.mark.parametrize(
    ("cancel", "state", "reason"),
    [(True, State.CANCELLED, Reason.CANCELLED), (False, State.TIMEOUT, Reason.TIMEOUT)],
)
async def test_a_target_that_hangs_while_a_run_is_stopped_does_not_keep_it_from_ending(
    store: Store, demo_target: Target, monkeypatch: pytest.MonkeyPatch, cancel: bool, state: State, reason: Reason
) -> None:
    async def hanging(drive: Drive, shells: ShellSource) -> Outcome:
        await drive.record_progress({"remote": {"mark": "x"}})
        await asyncio.Event().wait()
        raise AssertionError("never")

    monkeypatch.setattr("runner.execution.drive.STOP_SECONDS", 0.1)
    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(hanging)}))) as rig:
        id = await rig.pending(await rig.server(demo_target), "true", timeout_seconds=30 if cancel else 1)
        await rig.noted(id)
        if cancel:
            await rig.cancel(id)
        row = await rig.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (state, reason, None)
    assert "could not be verified" in (row.message or "")


async def test_a_fault_of_ours_before_the_start_is_start_failed(store: Store, demo_target: Target) -> None:
    async def broken(drive: Drive, shells: ShellSource) -> Outcome:
        raise RuntimeError("a bug")

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(broken)}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
    assert "RuntimeError" in (row.message or "")


async def test_a_fault_of_ours_after_the_start_is_not_told_as_a_failed_start(store: Store, demo_target: Target) -> None:
    async def broken(drive: Drive, shells: ShellSource) -> Outcome:
        await drive.record_progress({"remote": {"mark": "x"}})
        raise RuntimeError("a bug")

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(broken)}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert (row.state, row.reason) == (State.FAILED, Reason.LOST)
    assert "unknown" in (row.message or "")


async def test_a_signal_name_that_no_system_has_is_kept_as_far_as_it_fits(store: Store, demo_target: Target) -> None:
    async def odd(drive: Drive, shells: ShellSource) -> Outcome:
        return decide_by_exit(None, "USR1@openssh.com\0" * 100)

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(odd)}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert (row.state, row.reason, row.exit_signal) == (State.FAILED, Reason.SIGNAL, "USR1opensshcomUS")


async def test_an_end_that_cannot_be_stored_as_it_is_is_still_an_end(store: Store, demo_target: Target) -> None:
    async def odd(drive: Drive, shells: ShellSource) -> Outcome:
        return Outcome(state=State.FAILED, reason=Reason.SIGNAL, exit_signal=object())  # type: ignore[arg-type]

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(odd)}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert (row.state, row.exit_signal) == (State.FAILED, None)
    assert "log" in (row.message or "")


@pytest.mark.parametrize("status", [2**31, 2**32 - 1])
async def test_an_exit_status_of_more_than_31_bits_is_kept_as_a_failure(
    store: Store, demo_target: Target, status: int
) -> None:
    async def odd(drive: Drive, shells: ShellSource) -> Outcome:
        return decide_by_exit(status, None)

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(odd)}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert row.state == State.FAILED
    assert row.exit_code is not None
    assert -(2**31) <= row.exit_code < 2**31


async def test_two_hundred_runs_at_once_all_end_with_their_own_output(rig: Rig, target: Target) -> None:
    server = await rig.server(target, max_parallel=40)
    ids = [await rig.pending(server, f"echo {n}; echo {n} >&2; exit {n}") for n in range(200)]
    for n, id in enumerate(ids):
        row = await rig.ended(id)
        assert (row.exit_code, await rig.output(id)) == (n, (f"{n}\n".encode(), f"{n}\n".encode()))
    assert not rig.dispatcher.drives
    await until(lambda: not rig.dispatcher.drives)


async def test_an_abandoned_run_whose_server_is_away_is_said_to_be_left(
    store: Store, demo_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service was killed, and now its server cannot be asked."""
    monkeypatch.setattr(connector, "LAST_TRY", RetryPolicy(attempts=2, first_pause=0.02))
    rig = Rig(Wanted(store=store))
    server = await rig.server(demo_target, port=free_port())
    running_row: dict[str, Any] = {
        "state": State.RUNNING,
        "mode": Mode.ATTACHED,
        "remote": {"mark": "1-0."},
        "start_time": runs.now(),
    }
    id = await runs.pending(store, server, "sleep 60", **running_row)
    async with running(rig):
        row = await rig.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (State.FAILED, Reason.LOST, None)
    assert "what is left of it could not be ended" in str(row.message)
