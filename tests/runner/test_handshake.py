"""The handshake: nothing is sent before a shell of ours has answered, and without its answer nothing was started."""

import asyncio
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.models import TaskExecution
from db.store import Store
from db.values import Mode, Reason, State
from runner.ssh.handshake import LINE, MOST_PRINTED, MarkerReader
from sshcast.demo.server import ensure_key
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, running_sshd
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

START_SECONDS = 2.0
Sshd = Callable[..., Target]


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS, start_seconds=START_SECONDS))) as started:
        yield started


@pytest.fixture(params=list(BOTH_WAYS))
def mode(request: pytest.FixtureRequest) -> Mode:
    return Mode(request.param)


@pytest.fixture
def forced(tmp_path: Path) -> Iterator[Sshd]:
    """Starts an sshd that runs this instead of what it is asked for."""
    with ExitStack() as stack:

        def start(command: str) -> Target:
            folder = tmp_path / "sshd"
            folder.mkdir()
            return stack.enter_context(running_sshd(folder, f"ForceCommand {command}"))

        yield start


def running_with(words: str) -> int:
    """How many processes of this machine have these words in their command line."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += words.encode() in path.read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
    return found


@pytest.fixture
def nap() -> Iterator[str]:
    """A sleep of a length that nobody else sleeps. sshd passes no signal on to a forced command: it is ended here."""
    words = f"sleep {secrets.randbelow(10**6) + 10**6}"
    yield words
    subprocess.run(["pkill", "-f", words], check=False)


def has_not_started(row: TaskExecution, why: str) -> None:
    assert (row.state, row.reason, row.exit_code) == (State.FAILED, Reason.START_FAILED, None), row.message
    assert why in (row.message or "")


async def test_nothing_is_sent_to_what_does_not_answer(rig: Rig, forced: Sshd, mode: Mode, tmp_path: Path) -> None:
    target = forced(f"cat >{tmp_path}/seen; exit 0")
    server = await rig.server(target, run_mode=mode)
    row = await rig.ran(server, "echo never", env={"TOKEN": "s3cret"})
    has_not_started(row, "gave a session, but no shell answered within 2 s")
    assert (tmp_path / "seen").read_bytes() == b""


async def test_a_repetition_of_the_request_is_no_answer(rig: Rig, forced: Sshd, mode: Mode) -> None:
    target = forced(
        'echo "$SSH_ORIGINAL_COMMAND"; echo "$SSH_ORIGINAL_COMMAND" >&2; set -- $SSH_ORIGINAL_COMMAND; echo $*'
    )
    row = await rig.ran(await rig.server(target, run_mode=mode), "echo never")
    has_not_started(row, "the account's login shell ended without running the command (exit status 0)")
    stdout, stderr = await rig.output(row.id)
    assert stdout.startswith(LINE.encode())
    assert stderr.startswith(LINE.encode())


async def test_what_a_filter_sees_begins_with_the_constant_line(
    rig: Rig, forced: Sshd, mode: Mode, tmp_path: Path
) -> None:
    target = forced(f'echo "$SSH_ORIGINAL_COMMAND" >>{tmp_path}/seen; eval "$SSH_ORIGINAL_COMMAND"')
    row = await rig.ran(await rig.server(target, run_mode=mode), "echo ran; exit 3", env={"TOKEN": "s3cret"})
    assert (row.exit_code, await rig.output(row.id)) == (3, (b"ran\n", b""))
    lines = (tmp_path / "seen").read_text().splitlines()
    assert {line.rsplit(" ", 2)[0] for line in lines} == {LINE}


async def test_endless_noise_is_given_up_before_the_time_is_over(rig: Rig, forced: Sshd, mode: Mode) -> None:
    row = await rig.ran(await rig.server(forced("exec yes no-answer"), run_mode=mode), "echo never")
    has_not_started(row, "no shell answered in the first 1 MiB")
    assert (row.duration_ms or 0) < 1000 * START_SECONDS
    assert (await rig.output(row.id))[0].startswith(b"no-answer\n")
    await until(lambda: running_with("yes no-answer") == 0)


async def test_a_server_whose_sessions_hang_has_one_of_them_at_a_time(
    rig: Rig, forced: Sshd, mode: Mode, nap: str
) -> None:
    """All who wait hear of it when the first one is given up."""
    server = await rig.server(forced(f"exec {nap}"), run_mode=mode)
    began = time.monotonic()
    ids = [await rig.pending(server, f"echo never {n}") for n in range(12)]
    most = 0
    while not all([(await rig.row(id)).state == State.FAILED for id in ids]):
        most = max(most, running_with(nap))
        assert time.monotonic() - began < 20
        await asyncio.sleep(0.05)
    for id in ids:
        has_not_started(await rig.row(id), "gave a session, but no shell answered")
    assert most == 1
    assert time.monotonic() - began < START_SECONDS + 3


async def test_a_run_whose_session_hangs_is_cancelled_within_seconds(
    rig: Rig, forced: Sshd, mode: Mode, nap: str
) -> None:
    server = await rig.server(forced(f"exec {nap}"), run_mode=mode)
    id = await rig.pending(server, "echo never")
    await until(lambda: running_with(nap))
    began = time.monotonic()
    await rig.cancel(id)
    row = await rig.ended(id)
    assert (row.state, row.message, row.verified_gone) == (State.CANCELLED, "cancelled before it started", None)
    assert time.monotonic() - began < START_SECONDS


class ClosingServer(asyncssh.SSHServer):
    """Opens every session and closes some of them without a word, as dropbear 2022 does. `closes`: which, in turn."""

    def __init__(self, closes: Iterator[bool]) -> None:
        self._closes = closes

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def session_requested(self) -> "ClosingSession":
        return ClosingSession(next(self._closes))


class ClosingSession(asyncssh.SSHServerSession[bytes]):
    def __init__(self, closes: bool) -> None:
        self._closes = closes

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        if self._closes:
            self._chan.close()
        else:
            self._task = asyncio.create_task(self._run(), name="shell")

    async def _run(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_shell(self._command, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(65536):
            self._chan.write(data)
        self._chan.exit(await self._process.wait())

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def eof_received(self) -> bool:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return True


@pytest.fixture
async def closing(tmp_path: Path) -> AsyncIterator[Callable[..., "asyncio.Future[Target]"]]:
    acceptors = []

    async def start(closes: Iterator[bool]) -> Target:
        key, host_key = ensure_key(tmp_path / "host")
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            config=None,
            encoding=None,
            server_factory=lambda: ClosingServer(closes),
            server_host_keys=[asyncssh.import_private_key(key)],
        )
        acceptors.append(acceptor)
        private_key, _ = ensure_key(tmp_path / "user")
        return Target("closing", acceptor.get_port(), host_key, private_key, tmp_path)

    yield start  # type: ignore[misc]
    for acceptor in acceptors:
        acceptor.close()


def always() -> Iterator[bool]:
    while True:
        yield True


def every_other() -> Iterator[bool]:
    while True:
        yield False
        yield True


async def test_a_server_that_closes_each_session_has_started_nothing(rig: Rig, closing: Sshd, mode: Mode) -> None:
    row = await rig.ran(await rig.server(await closing(always()), run_mode=mode), "echo never")  # type: ignore[misc]
    has_not_started(row, "gave a session and closed it, and no shell answered")


async def test_a_session_that_was_closed_unanswered_is_asked_for_again(
    rig: Rig, closing: Sshd, mode: Mode, tmp_path: Path
) -> None:
    server = await rig.server(await closing(every_other()), run_mode=mode)  # type: ignore[misc]
    ids = [await rig.pending(server, f"echo {n} >>{tmp_path}/ran; exit {n}") for n in range(1, 13)]
    rows = [await rig.ended(id) for id in ids]
    assert [row.exit_code for row in rows] == list(range(1, 13)), [row.message for row in rows]
    assert sorted(map(int, (tmp_path / "ran").read_text().split())) == list(range(1, 13))


@given(st.lists(st.binary(max_size=6)), st.binary(max_size=40), st.binary(max_size=40))
def test_a_marker_is_found_however_its_stream_is_cut(cuts: list[bytes], before: bytes, after: bytes) -> None:
    passed = bytearray()
    reader = MarkerReader("marker", passed.extend)
    whole = before + b"marker\n" + after
    while whole:
        size = len(cuts.pop()) + 1 if cuts else len(whole)
        reader.feed(whole[:size])
        whole = whole[size:]
    assert reader.found
    at = (before + b"marker\n").find(b"marker\n")
    assert reader.early_output == before[:at]
    assert bytes(passed) == (before + b"marker\n" + after)[at + 7 :]


def test_noise_without_end_is_not_kept_without_end() -> None:
    reader = MarkerReader("marker", lambda data: None)
    for _ in range(1000):
        reader.feed(bytes(65536))
    assert reader.overflowed
    assert len(reader.early_output) < MOST_PRINTED
