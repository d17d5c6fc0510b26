"""Accounts on this machine, with login shells, login files and forced commands as people have them, behind a real sshd.

Needs root: accounts are made with useradd, and taken away again with all that they run and keep.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.targets import SSHD, Target, make_key, public_line, started_sshd

TEMPORARY = ("/var/tmp", "/tmp", "/dev/shm")
NEEDED = ("useradd", "userdel", "pgrep", "pkill")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
USUAL = "-r -M -N -g nogroup -p '*'"  # few files to be written and synced for each; sshd takes no locked account
needs_accounts = pytest.mark.skipif(
    os.geteuid() != 0 or SSHD is None or any(shutil.which(name, path=PATH) is None for name in NEEDED),
    reason=f"making accounts needs root, sshd and {', '.join(NEEDED)}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An account to be made. `shell` is a path, or the name of a program that is looked up.

    `files` are in its home, by path. `forced`: the command of its key, in authorized_keys. `options`: more of its line.
    `config`: lines of sshd_config for it alone. `prepare`: a line of sh for root, with USER and HOME of the account.
    `nologin`: its sshd sees an /etc/nologin.
    """

    shell: str = "bash"
    files: Mapping[str, str] = field(default_factory=dict)
    forced: str | None = None
    options: str = ""
    config: Sequence[str] = ()
    prepare: str = ""
    nologin: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """One that is there, and a target that signs in as it."""

    name: str
    home: Path
    target: Target

    def processes(self, *, of_sshd: bool = True) -> list[str]:
        """ "PID COMMAND LINE" of each; without those that are a part of its SSH connections, if so wished."""
        listed = _run("pgrep", "-u", self.name, "-a", check=False).stdout.splitlines()
        return [line for line in listed if of_sshd or not line.partition(" ")[2].startswith("sshd")]

    def leftover(self, *, of_sshd: bool) -> list[str]:
        """What still runs after 10 s."""
        deadline = time.monotonic() + 10
        while (found := self.processes(of_sshd=of_sshd)) and time.monotonic() < deadline:
            time.sleep(0.5)
        return found


@dataclass(frozen=True, slots=True)
class Accounts:
    """Those that were wished for, by the same keys. `work` is a folder that all of them can write in."""

    work: Path
    named: Mapping[str, Account]


def found(program: str) -> str | None:
    """Its path, if this machine has it; a path is taken as it is."""
    return program if program.startswith("/") else shutil.which(program, path=PATH)


def can_unshare() -> bool:
    """Whether this root may have mounts of its own; in a container it may not."""
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


@contextmanager
def accounts(wishes: Mapping[str, Wish]) -> Iterator[Accounts]:
    """Makes them, behind one sshd. Leaves nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="sshcast-accounts-"))
    folder.chmod(0o755)  # what pytest would give, other accounts cannot enter
    names = {key: f"sc-{secrets.token_hex(6)}" for key in wishes}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(_remove, tuple(names.values()))
        _make(folder, names, wishes)
        usual = stack.enter_context(_sshd(folder / "sshd", names, wishes))
        targets = {False: usual}
        if any(wish.nologin for wish in wishes.values()):
            closed = _sshd(folder / "nologin", names, wishes, prefix=_with_nologin(folder))
            targets[True] = stack.enter_context(closed)
        named = {
            key: Account(names[key], folder / names[key], replace(targets[wish.nologin], username=names[key]))
            for key, wish in wishes.items()
        }
        yield Accounts(_open_folder(folder / "it's 日本 $HOME"), named)


def _open_folder(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o777)
    return path


def _make(folder: Path, names: Mapping[str, str], wishes: Mapping[str, Wish]) -> None:
    lines: list[str] = []
    for key, wish in wishes.items():
        home, shell = folder / names[key], found(wish.shell)
        assert shell is not None, f"no {wish.shell} on this machine"
        home.mkdir(mode=0o755)
        for path, text in wish.files.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_text(text)
            (home / path).chmod(0o755)
        lines += [f"export USER={names[key]} HOME={home}", f'useradd {USUAL} -d "$HOME" -s {shell} "$USER"']
        lines += ['chown -R "$USER" "$HOME"', wish.prepare]
    _run("sh", "-e", script="\n".join(lines))


def _remove(names: Sequence[str]) -> None:
    """Their processes, their files outside of their homes, and themselves; whatever is missing of these already."""
    known = sorted({entry.pw_name for entry in pwd.getpwall()} & set(names))
    if not known:
        return
    deadline = time.monotonic() + 10
    while _run("pkill", "-KILL", "-u", ",".join(known), check=False).returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    places = [place for place in TEMPORARY if Path(place).is_dir()]
    theirs = " -o ".join(f"-user {name}" for name in known).split()
    _run("find", *places, "-maxdepth", "1", "(", *theirs, ")", "-exec", "rm", "-rf", "{}", "+", check=False)
    _run("sh", check=False, script="\n".join(f"userdel -f {name}" for name in known))


@contextmanager
def _sshd(
    folder: Path, names: Mapping[str, str], wishes: Mapping[str, Wish], prefix: Sequence[str] = ()
) -> Iterator[Target]:
    folder.mkdir()
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root insists on it
    private_key = make_key(folder / "user")
    make_key(folder / "host")
    (folder / "keys").mkdir()
    for key, wish in wishes.items():
        (folder / "keys" / names[key]).write_text(_key_line(wish, (folder / "user.pub").read_text()))
    port = free_port()
    own = [line for key, wish in wishes.items() for line in _match(names[key], wish)]
    (folder / "sshd_config").write_text("\n".join([*_config(folder, port), *own]) + "\n")
    process = started_sshd(folder, port, prefix)
    try:
        yield Target("accounts", port, public_line(folder / "host"), private_key, folder)
    finally:
        process.terminate()
        process.wait()


def _key_line(wish: Wish, public_key: str) -> str:
    forced = "" if wish.forced is None else 'command="' + wish.forced.replace('"', '\\"') + '"'
    options = ",".join(option for option in (wish.options, forced) if option)
    return f"{options} {public_key}"


def _match(name: str, wish: Wish) -> list[str]:
    return [f"Match User {name}", *(f"    {line}" for line in wish.config)] if wish.config else []


def _config(folder: Path, port: int) -> list[str]:
    return [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'keys'}/%u",
        f"PidFile {folder / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "MaxStartups 200",
        "Subsystem sftp internal-sftp",
    ]


def _with_nologin(folder: Path) -> list[str]:
    """A command that runs another where /etc, for that alone, is a copy with a nologin file in it."""
    etc = folder / "etc"
    lines = (
        f"cp -a /etc {etc} && echo 'down for maintenance' >{etc}/nologin",
        f'mount --bind {etc} /etc && exec "$@"',
    )
    return ["unshare", "-m", "sh", "-c", " && ".join(lines), "sh"]


def _run(*command: str, check: bool = True, script: str = "") -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(command, input=script, capture_output=True, text=True, timeout=100, env={"PATH": PATH})
    assert not check or ran.returncode == 0, f"{command}: {ran.stderr}"
    return ran
