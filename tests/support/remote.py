"""A service on another address, over TLS, with a context that is signed in to it: for the remote command line."""

import asyncio
import re
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.commands import Commands, wait_until_ready
from tests.support.ports import free_port

HOST = "localhost"


@dataclass(frozen=True, slots=True)
class Remote:
    """A demo service: its admin is `admin`, its server is `demo`. `commands` has a configuration folder of its own."""

    commands: Commands
    url: str
    ca_file: Path
    password: str
    config: Path

    def run(self, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[bytes]":
        """Run a command in a process of its own."""
        return self.commands.run(*args, stdin=stdin)

    def within(self, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[bytes]":
        """Run a command in this process, at a tenth of the time."""
        return self.commands.within(*args, stdin=stdin)

    def output(self, *args: str, stdin: str = "") -> str:
        """What a command that must succeed prints on stdout, stripped; in this process."""
        done = self.within(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def refusal(self, *args: str, status: int = 1, stdin: str = "") -> str:
        """What a command that must fail with this status says on stderr: one line, and no traceback."""
        done = self.within(*args, stdin=stdin)
        said = done.stderr.decode()
        assert done.returncode == status, said
        assert said.startswith("sshcast: "), said
        assert said.count("\n") == 1, said
        return said.strip()

    def sign_in(self) -> None:
        options = ("--user", "admin", "--password-stdin", "--ca-file", str(self.ca_file))
        self.output("login", self.url, *options, stdin=f"{self.password}\n")


@contextmanager
def serving_remotely(folder: Path) -> Iterator[Remote]:
    """Run `sshcast demo` behind TLS, signed in to, until the block ends. Nothing is in the data folder of commands."""
    authority = Authority.make(folder, "authority")
    service = Commands(folder / "service")
    with _run_demo(service, folder / "demo.log") as (port, password), serving_tls(port, authority) as tls_port:
        variables = {"XDG_CONFIG_HOME": str(folder / "config"), "SSHCAST_AS": "", "LANG": "C.UTF-8"}
        commands = Commands(folder / "nothing", variables)
        found = Remote(commands, f"https://{HOST}:{tls_port}", authority.file, password, folder / "config")
        found.sign_in()
        yield found


@contextmanager
def _run_demo(service: Commands, log: Path) -> Iterator[tuple[int, str]]:
    port = free_port()
    with log.open("wb") as file:
        process = service.start("demo", "--port", str(port), stdout=file.fileno(), stderr=file.fileno())
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            yield port, _read_password(log, process)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the demo, which ends its SSH server; one that does not end is killed, and its test fails."""
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(60) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
        raise


def _read_password(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Return the password that the demo printed, once its run has ended."""
    for _ in range(600):
        found = re.search(r"Password / \S+ +(\S+)", log.read_text(errors="replace"))
        if found is not None and "It stays up" in log.read_text(errors="replace"):
            return found[1]
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise RuntimeError(log.read_text(errors="replace"))


@contextmanager
def serving_tls(port: int, authority: Authority, name: str = HOST) -> Iterator[int]:
    """Serve a local port over TLS with a certificate for `name`, in a thread. Its own port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign(name))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls")
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_start(port, context), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(port: int, context: ssl.SSLContext) -> asyncio.Server:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        copies = [asyncio.ensure_future(_copy(*pair)) for pair in ((reader, up_writer), (up_reader, writer))]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:  # also when the service of the test ends: what stays open would be told of when the loop is gone
            for copy in copies:
                copy.cancel()
            writer.transport.abort()
            up_writer.transport.abort()

    return await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _stop(server: asyncio.Server) -> None:
    """End the server and every connection, and with them the tasks of the loop."""
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=5)
