"""`sshcast serve` in a process that a test kills and starts again, on one port and one data folder."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.support.commands import Commands
from tests.support.ports import free_port
from tests.support.targets import Target

T = TypeVar("T")
PATIENCE_SECONDS = 900.0


class NotNow(Exception):
    """The service answers, but says that it cannot tell at the moment."""


@dataclass(slots=True)
class Mortal:
    """Starts with `start`; `kill` is kill -9. `calls` asks again for as long as nobody answers."""

    commands: Commands
    port: int = field(default_factory=free_port)
    token: str = ""
    deaths: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx2.AsyncClient:
        self.token = self.token or self.commands.output("token", "admin", "--ttl", "86400")
        headers = {"Authorization": f"Bearer {self.token}"}
        patient = httpx2.Timeout(30, read=300)
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=patient, trust_env=False)

    def start(self) -> None:
        with (self.commands.data.parent / "serve.log").open("ab") as log:
            self.process = self.commands.start("serve", "--port", str(self.port), stderr=log.fileno())

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, "it ended by itself: see serve.log"
        self.process.kill()
        self.process.wait()
        self.deaths += 1

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0

    async def calls(self, ask: Callable[..., Awaitable[T]], *args: Any) -> T:
        """What `ask` returns, tried again while the service is away or without its database."""
        given_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < given_up:
            with suppress(httpx2.TransportError, NotNow):
                return await ask(*args)
            await asyncio.sleep(0.1)
        return await ask(*args)


@contextmanager
def serving(data: Path, target: Target, *, port: int | None = None, **variables: str) -> Iterator[Mortal]:
    """A service whose account is `admin` and whose server number 1 is `target`, reached at `port` if that is given."""
    commands = Commands(data, variables)
    enrol(commands, target, port=port)
    mortal = Mortal(commands)
    mortal.start()
    try:
        yield mortal
    finally:
        mortal.stop()


def enrol(commands: Commands, target: Target, *, port: int | None = None) -> None:
    """Add the account and the server."""
    commands.output("user", "add", "admin", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    where = ["--host", target.host, "--port", str(port or target.port), "--user", target.username]
    key = ["--key", str(target.folder / "user"), "--host-key", target.host_key]
    commands.output("server", "add", "target", *where, *key, "--as", "admin")
