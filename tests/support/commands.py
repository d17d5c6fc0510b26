"""The `sshcast` command on a data folder of its own: in a process as a person runs it, or within the test's."""

import io
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import structlog

from sshcast.cli import main
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands on one data folder, as the user alice where a command is anybody's."""

    data: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SSHCAST_")}
        return kept | {"SSHCAST_DATA": str(self.data), "SSHCAST_AS": "alice", "NO_COLOR": "1"} | self.variables

    def start(self, *args: str, **streams: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "sshcast", *args]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment(), **streams)  # type: ignore[call-overload,no-any-return]

    def run(self, *args: str, stdin: str = "", timeout: float = 60) -> "subprocess.CompletedProcess[bytes]":
        command = [sys.executable, "-m", "sshcast", *args]
        given = stdin.encode()
        return subprocess.run(
            command, cwd=ROOT, env=self.environment(), input=given, capture_output=True, timeout=timeout
        )

    def within(self, *args: str, stdin: str = "") -> "subprocess.CompletedProcess[bytes]":
        """What `run` does, in this process: for what a process of its own would show no better, at a tenth of its time.

        Not for what signals, the environment's libraries or the end of a process have a part in.
        """
        given = io.TextIOWrapper(io.BytesIO(stdin.encode(errors="surrogateescape")))
        out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(out),
            redirect_stderr(err),
            what_main_changes_kept(),
        ):
            patch.setattr(sys, "argv", ["sshcast", *args])
            patch.setattr(sys, "stdin", given)
            for name, value in self.environment().items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as exit:
                main()
        shown = (stream.buffer.getvalue() for stream in (out, err))
        return subprocess.CompletedProcess(args, int(exit.value.code or 0), *shown)

    def output(self, *args: str, stdin: str = "") -> str:
        """What a command that must succeed prints, stripped."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    @contextmanager
    def serving(self, *args: str) -> Iterator[str]:
        """`sshcast serve` on a free port, until the block ends. Its URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with (self.data.parent / "serve.log").open("ab") as log:
            process = self.start("serve", "--port", str(port), *args, stderr=log.fileno())
            try:
                wait_until_ready(url, process)
                yield url
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0


@contextmanager
def what_main_changes_kept() -> Iterator[None]:
    """A process of its own would take its mask and its log with it."""
    root, mask, log = logging.getLogger(), os.umask(0o077), structlog.get_config()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        os.umask(mask)
        structlog.configure(**log)
        root.handlers, root.level = handlers, level


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz", trust_env=False, verify=False).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the service did not start (exit status {process.poll()})")
