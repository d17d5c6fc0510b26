"""A task whose output shows whether a client lost or doubled any of it."""

import hashlib
import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support.client_programs import Finished
from tests.support.service import Running

EXIT_STATUS = 3
OUT_BYTES = 1_000_000
# Places in standard output before which the command sleeps; several are in the middle of a character.
PAUSES = (37, 10_001, 150_002, 420_001, 700_003)
CREATE = """mutation($task: CreateTaskInput!) { createTask(input: $task) { task { id } errors { message } } }"""


@dataclass(frozen=True, slots=True)
class WatchedTask:
    """A task, and the bytes that each of its runs writes."""

    id: int
    stdout: bytes
    stderr: bytes

    def check(self, done: Finished) -> None:
        """Assert that the program wrote the run's bytes, all of them once, and ended with the run's exit status."""
        shown = done.stderr[-2000:].decode("utf-8", "replace")
        assert done.returncode == EXIT_STATUS, shown
        assert _digest(done.stderr) == _digest(self.stderr), shown
        assert _digest(done.stdout) == _digest(self.stdout)


def _digest(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


async def create_watched_task(service: Running, folder: Path, *, pause_seconds: float = 0.1) -> WatchedTask:
    """Create a task that writes about 1 MB of UTF-8 text in pieces, some of it to standard error, and exits with 3."""
    out, err = _make_text(OUT_BYTES), _make_text(2_000)
    (folder / "out").write_bytes(out)
    (folder / "err").write_bytes(err)
    values = {"name": f"watched {folder.name}", "serverId": service.server.id, "cronExpr": "@manual"}
    command = _build_command(folder, len(out), pause_seconds)
    created = (await service.data(CREATE, task=values | {"command": command}))["createTask"]
    assert created["errors"] == []
    return WatchedTask(int(created["task"]["id"]), out, err)


def _build_command(folder: Path, size: int, pause_seconds: float) -> str:
    places = (0, *PAUSES, size)
    pieces = [f"tail -c +{begin + 1} out | head -c {end - begin}" for begin, end in pairwise(places)]
    between = f"; sleep {pause_seconds}; "
    last = f"tail -c +1001 err >&2; exit {EXIT_STATUS}"
    return f"cd {folder}; head -c 1000 err >&2; {between.join(pieces)}; {last}"


def _make_text(size: int) -> bytes:
    """Make `size` bytes or a little more: lines that compress badly, of characters of one to four bytes."""
    source = random.Random(size)
    lines: list[bytes] = []
    made = 0
    while made < size:
        lines.append("".join(_choose_letter(source) for _ in range(40)).encode() + b"\n")
        made += len(lines[-1])
    return b"".join(lines)


def _choose_letter(source: random.Random) -> str:
    return source.choice((chr(source.randrange(0x20, 0x7F)), chr(source.randrange(0x4E00, 0x9FFF)), "é", "😀"))
