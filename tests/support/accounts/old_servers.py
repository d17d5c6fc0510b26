"""SSH servers that take few channels, as small machines have them, as root, for any account."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.accounts.accounts import PATH, Wish, accounts
from tests.support.ports import free_port
from tests.support.targets import Target, make_key

SERVER_SECONDS = 10.0


@contextmanager
def account_of(server: str, folder: Path) -> Iterator[Target]:
    """A new account, reached through `dropbear`, `tinysshd`, or `narrow` (OpenSSH, one session a connection)."""
    if server == "narrow":
        with accounts({server: Wish(config=("MaxSessions 1",))}) as made:
            yield made.named[server].target
        return
    private_key = make_key(folder / "user")
    wish = Wish(files={".ssh/authorized_keys": (folder / "user.pub").read_text()})
    with SERVERS[server](folder) as (port, host_key), accounts({server: wish}) as made:
        yield Target(server, port, host_key, private_key, folder, username=made.named[server].name)


@contextmanager
def running_dropbear(folder: Path) -> Iterator[tuple[int, str]]:
    """Its port and host key."""
    dropbear, make = program("dropbear"), program("dropbearkey")
    key, port = folder / "dropbear_key", free_port()
    subprocess.run([make, "-t", "ed25519", "-f", str(key)], check=True, capture_output=True)
    shown = subprocess.run([make, "-y", "-f", str(key)], check=True, capture_output=True, text=True).stdout
    (host_key,) = [line for line in shown.splitlines() if line.startswith("ssh-ed25519")]
    with (folder / "dropbear_log").open("wb") as log:
        command = [dropbear, "-F", "-E", "-p", f"127.0.0.1:{port}", "-r", str(key), "-P", str(folder / "dropbear_pid")]
        process = subprocess.Popen(command, stderr=log)
    try:
        _wait_for(port)
        yield port, " ".join(host_key.split()[:2])
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running_tinysshd(folder: Path) -> Iterator[tuple[int, str]]:
    """Its port and host key. It serves the one connection that it is given, so we accept them, as inetd would."""
    tinysshd = program("tinysshd")
    keys = str(folder / "tinysshd_keys")
    subprocess.run([program("tinysshd-makekey"), "-q", keys], check=True)
    shown = subprocess.run([program("tinysshd-printkey"), keys], check=True, capture_output=True, text=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "tinysshd_log").open("wb") as log:
        started: list[subprocess.Popen[bytes]] = []

        def serve(connection: socket.socket) -> None:
            with connection:
                command, its = [tinysshd, "-v", keys], connection.fileno()
                started.append(subprocess.Popen(command, stdin=its, stdout=its, stderr=log))

        try:
            with _accepting(listener, serve):
                yield listener.getsockname()[1], shown.stdout.strip()
        finally:
            for process in started:
                process.terminate()
                process.wait()


SERVERS = {"dropbear": running_dropbear, "tinysshd": running_tinysshd}


@contextmanager
def _accepting(listener: socket.socket, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    def accept() -> None:
        with suppress(OSError):
            while True:
                serve(listener.accept()[0])

    thread = threading.Thread(target=accept, name="accepts for tinysshd")
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _wait_for(port: int) -> None:
    """Return when something greets there."""
    for _ in range(100):
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)) as sock:
            sock.settimeout(SERVER_SECONDS)
            assert sock.recv(4).startswith(b"SSH")
            return
        threading.Event().wait(0.05)
    raise AssertionError("the server did not start")


def program(name: str) -> str:
    path = shutil.which(name, path=PATH)
    if path is None:
        pytest.skip(f"no {name} on this machine")
    return path
