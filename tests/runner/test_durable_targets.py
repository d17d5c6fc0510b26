"""Durable runs on targets of all kinds: other shells, odd logins, noise, folders that cannot be written."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from db.models import TaskExecution
from db.store import Store
from db.values import Mode, Reason, State
from runner.execution.durable_run import NO_FOLDER, NO_STDERR
from runner.remote import program
from runner.ssh import handshake
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, running_sshd
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

EVERY_BYTE = "".join(f"\\{byte:03o}" for byte in range(256))
COMMAND = f"printf '{EVERY_BYTE}'; sleep 0.5; printf 'err{EVERY_BYTE}' >&2; printf end; exit 7"
TOOLS = "sh tail wc sleep mkdir rm setsid printf grep tr cat env kill head dd mkfifo"
BUSYBOX = tuple(TOOLS.split())

Sshd = Callable[..., Target]


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as started:
        yield started


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """Starts an sshd whose account has the given home, with more lines in its configuration."""
    with ExitStack() as stack:

        def start(home: Path, *lines: str, variables: str = "") -> Target:
            folder = tmp_path / "sshd"
            folder.mkdir()
            home.mkdir(parents=True, exist_ok=True)
            environment = f'SetEnv "HOME={home}" {variables}'
            return stack.enter_context(running_sshd(folder, environment, *lines))

        yield start


async def ran(rig: Rig, target: Target, command: str = COMMAND) -> TaskExecution:
    return await rig.ran(await rig.server(target, run_mode=Mode.DURABLE), command)


async def is_whole(rig: Rig, row: TaskExecution, mode: Mode = Mode.DURABLE) -> None:
    assert (row.state, row.exit_code, row.mode) == (State.FAILED, 7, mode), row.message
    assert await rig.output(row.id) == (bytes(range(256)) + b"end", b"err" + bytes(range(256)))


def found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} on this machine")
    return path


@pytest.fixture(params=["dash", "bash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for PATH whose `sh` is this shell (and, for busybox, whose every tool is its own)."""
    binary = found(request.param)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BUSYBOX if request.param == "busybox" else ("sh",):
        (folder / name).symlink_to(binary)
    real = program.load_program

    def with_shell(name: str) -> str:
        return real(name).replace("/bin/sh", str(folder / "sh"))

    monkeypatch.setattr(program, "load_program", with_shell)
    monkeypatch.setattr(handshake, "LINE", handshake.LINE.replace("/bin/sh", str(folder / "sh")))
    return folder


async def test_every_shell_runs_and_streams_it(rig: Rig, sshd: Sshd, shell: Path, tmp_path: Path) -> None:
    only = str(shell) if (shell / "tail").exists() else f"{shell}:/usr/bin:/bin"
    target = sshd(tmp_path / "home", variables=f"PATH={only}")
    await is_whole(rig, await ran(rig, target))
    row = await ran(rig, target, "head -c 3000000 /dev/zero; exit 7")
    assert (row.exit_code, row.stdout_bytes) == (7, 3_000_000)


async def test_every_shell_stops_what_is_cancelled(rig: Rig, sshd: Sshd, shell: Path, tmp_path: Path) -> None:
    only = str(shell) if (shell / "tail").exists() else f"{shell}:/usr/bin:/bin"
    server = await rig.server(sshd(tmp_path / "home", variables=f"PATH={only}"), run_mode=Mode.DURABLE)
    id = await rig.pending(server, "echo up; sleep 300 & sleep 300")
    await rig.printed(id)
    await rig.cancel(id)
    row = await rig.ended(id)
    assert (row.state, row.verified_gone) == (State.CANCELLED, True), row.message


@pytest.mark.parametrize("login", ["fish", "csh"])
async def test_an_odd_login_shell_reads_what_we_send(rig: Rig, sshd: Sshd, login: str, tmp_path: Path) -> None:
    target = sshd(tmp_path / "home", f'ForceCommand {found(login)} -c "$SSH_ORIGINAL_COMMAND"')
    await is_whole(rig, await ran(rig, target))
    home = tmp_path / "home" / ".sshcast"
    await until(lambda: list(home.iterdir()) == [])


async def test_noise_of_login_files_is_left_out(rig: Rig, sshd: Sshd, tmp_path: Path) -> None:
    noisy = 'echo Welcome; printf "no line end"; echo careful >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    await is_whole(rig, await ran(rig, sshd(tmp_path / "home", f"ForceCommand {noisy}")))


async def test_a_home_with_spaces_and_quotes_holds_the_spool(rig: Rig, sshd: Sshd, tmp_path: Path) -> None:
    home = tmp_path / "my home's $dir"
    await is_whole(rig, await ran(rig, sshd(home)))
    assert (home / ".sshcast").is_dir()
    await until(lambda: list((home / ".sshcast").iterdir()) == [])
    assert (home / ".sshcast").stat().st_mode & 0o777 == 0o700


async def test_a_home_that_cannot_be_written_gives_way_to_another_folder(rig: Rig, sshd: Sshd) -> None:
    """/proc takes no new folders from anybody, root included."""
    target = sshd(Path("/proc"))
    id = await rig.pending(await rig.server(target, run_mode=Mode.DURABLE), f"sleep 0.5; {COMMAND}")
    await rig.noted(id)
    row = await rig.ended(id)
    await is_whole(rig, row)


async def test_without_any_folder_it_runs_attached_and_says_so(
    rig: Rig, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = program.load_program

    def elsewhere(name: str) -> str:
        return real(name).replace("/var/tmp/", "/proc/").replace("/tmp/", "/proc/").replace("/dev/shm", "/proc")

    monkeypatch.setattr(program, "load_program", elsewhere)
    row = await ran(rig, sshd(Path("/proc")))
    await is_whole(rig, row, Mode.ATTACHED)
    assert row.message == NO_FOLDER


async def test_a_folder_of_somebody_else_is_not_used(rig: Rig, sshd: Sshd, tmp_path: Path) -> None:
    """A link in the place of our folder may lead anywhere."""
    home = tmp_path / "home"
    (tmp_path / "elsewhere").mkdir()
    home.mkdir()
    (home / ".sshcast").symlink_to(tmp_path / "elsewhere")
    await is_whole(rig, await ran(rig, sshd(home)))
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_an_account_that_runs_one_thing_only_has_started_nothing(rig: Rig, sshd: Sshd, tmp_path: Path) -> None:
    row = await ran(rig, sshd(tmp_path / "home", "ForceCommand echo only this; exit 5"))
    assert (row.state, row.reason, row.exit_code) == (State.FAILED, Reason.START_FAILED, None)
    assert "the account's login shell ended without running the command (exit status 5)" in (row.message or "")
    assert await rig.output(row.id) == (b"only this\n", b"")


async def test_a_server_that_opens_no_channel_has_started_nothing(rig: Rig, sshd: Sshd, tmp_path: Path) -> None:
    row = await ran(rig, sshd(tmp_path / "home", "MaxSessions 0"))
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
    assert "opened no channel" in (row.message or "")


def stub(folder: Path, name: str, text: str) -> str:
    """A PATH in which this program is another one."""
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


async def test_a_run_that_does_not_come_to_its_beginning_has_started_nothing(
    store: Store, sshd: Sshd, tmp_path: Path
) -> None:
    """Its shell answers, and then its home hangs, as one on a network may. When that passes it does not begin late."""
    path = stub(tmp_path / "bin", "mkdir", f'sleep 4; echo made >>{tmp_path}/made; exec /bin/mkdir "$@"')
    target = sshd(tmp_path / "home", variables=f"PATH={path}")
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS, start_seconds=2.0))) as rig:
        row = await ran(rig, target, f"echo ran >>{tmp_path}/ran")
        assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
        assert "a shell answered, but the run could not begin there" in (row.message or "")
        assert (row.duration_ms or 0) < 15_000
        await until(lambda: (tmp_path / "made").exists())
        await is_whole(rig, await ran(rig, target))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("mode", [Mode.DURABLE, Mode.ATTACHED])
async def test_a_shell_that_cannot_say_that_it_begins_does_not_begin(
    rig: Rig, sshd: Sshd, tmp_path: Path, mode: Mode
) -> None:
    """dash with six descriptors loses its stdout in a redirection, and goes on."""
    target = sshd(tmp_path / "home", 'ForceCommand ulimit -n 6; eval "$SSH_ORIGINAL_COMMAND"')
    row = await rig.ran(await rig.server(target, run_mode=mode), f"echo ran >>{tmp_path}/ran")
    ran = (tmp_path / "ran").exists()
    assert row.state == (State.SUCCESS if ran else State.FAILED), row.message
    assert ran == (row.reason == Reason.EXIT_STATUS)


@pytest.mark.parametrize("line", ["exec 2>&1", "exec 2>/dev/null", "exec 2>>$HOME/log"])
async def test_where_stderr_leads_elsewhere_it_runs_attached_and_says_so(
    rig: Rig, sshd: Sshd, tmp_path: Path, line: str
) -> None:
    target = sshd(tmp_path / "home", f'ForceCommand {line}; eval "$SSH_ORIGINAL_COMMAND"')
    row = await ran(rig, target, "echo out; sleep 0.2; echo err >&2; exit 7")
    assert (row.exit_code, row.mode, row.message) == (7, Mode.ATTACHED, NO_STDERR)
    joined = line.endswith("&1")
    assert await rig.output(row.id) == (b"out\nerr\n" if joined else b"out\n", b"")


async def test_a_command_has_the_umask_of_its_account(rig: Rig, sshd: Sshd, tmp_path: Path) -> None:
    """Our own files are for the account in any case."""
    target = sshd(tmp_path / "home", 'ForceCommand umask 777; eval "$SSH_ORIGINAL_COMMAND"')
    row = await ran(rig, target, "umask; sleep 0.7; exit 7")
    assert (row.exit_code, row.mode, await rig.output(row.id)) == (7, Mode.DURABLE, (b"0777\n", b""))


async def test_a_run_whose_supervisor_died_before_its_command_has_not_started(
    rig: Rig, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the account may start no more processes."""
    real = program.load_program

    def dying(name: str) -> str:
        return real(name).replace("\npipes\nexec 3>>", "\nexit 2\nexec 3>>") if name == "supervise.sh" else real(name)

    monkeypatch.setattr(program, "load_program", dying)
    row = await ran(rig, sshd(tmp_path / "home"), f"echo ran >>{tmp_path}/ran")
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED), row.message
    assert not (tmp_path / "ran").exists()
