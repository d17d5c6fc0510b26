"""A service with a real OpenSSH as its server `web`, and commands that are signed in to it, directly or by a proxy."""

import asyncio
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from tests.support.certificates import Authority
from tests.support.commands import Commands, wait_until_ready
from tests.support.ports import free_port
from tests.support.remote import HOST, serving_tls

T = TypeVar("T")


@contextmanager
def signed_in_by_tls(service: Commands, url: str, folder: Path) -> Iterator[Commands]:
    """What `sign_in` gives, with TLS in front of the service."""
    authority = Authority.make(folder, "authority")
    with serving_tls(int(url.rpartition(":")[2]), authority) as port:
        yield sign_in(service, f"https://{HOST}:{port}", folder, "--ca-file", str(authority.file))


def sign_in(service: Commands, url: str, folder: Path, *options: str) -> Commands:
    """Commands with a configuration of their own, signed in as alice; there is nothing in their data folder."""
    variables = {"XDG_CONFIG_HOME": str(folder), "SSHCAST_AS": "", "LANG": "C.UTF-8"}
    found = Commands(folder / "nothing", variables)
    token = service.output("token", "alice")
    done = found.within("login", url, "--name", "service", "--token-stdin", *options, stdin=f"{token}\n")
    assert done.returncode == 0, done.stderr.decode()
    return found


@dataclass(slots=True)
class Restarted:
    """`sshcast serve` on one port, which may be killed and started again."""

    commands: Commands
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.commands.data.parent / "restarted.log").open("ab") as log:
            self.process = self.commands.start("serve", "--port", str(self.port), stderr=log.fileno())
        wait_until_ready(self.url, self.process)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


@contextmanager
def restarting(commands: Commands) -> Iterator[Restarted]:
    found = Restarted(commands, free_port())
    try:
        found.start()
        yield found
    finally:
        found.stop()


@contextmanager
def in_thread(made: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Enter an asynchronous context in the event loop of a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    try:
        context = made()
        found = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
        try:
            yield found
        finally:
            asyncio.run_coroutine_threadsafe(_leave(context), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _leave(context: AbstractAsyncContextManager[T]) -> None:
    await context.__aexit__(None, None, None)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=5)


@dataclass(slots=True)
class Losses:
    """A proxy at `url` that loses answers to requests with a word in them. `left`: how many it still loses."""

    word: bytes
    left: int
    url: str = ""
    lost: int = 0


@asynccontextmanager
async def losing_answers(url: str, word: str, count: int = 1) -> AsyncIterator[Losses]:
    """Stand in front of a service: pass on all requests, and cut the connection instead of giving some answers."""
    address, found = urlsplit(url), Losses(word.encode(), count)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
        back = asyncio.ensure_future(_pass_on(far_reader, writer))
        try:
            while data := await reader.read(65_536):
                far_writer.write(data)
                if found.word in data and found.left:
                    found.left, found.lost = found.left - 1, found.lost + 1
                    back.cancel()
                    await far_reader.read(1)  # it has answered, so it was carried out
                    return
        finally:
            back.cancel()
            writer.transport.abort()
            far_writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()
