"""Small disks that fill up: tmpfs of the test's own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.faults.sshd import needs_mounts

FILLER = "filler"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own at `folder`. The test is skipped where nothing may be mounted."""
    needs_mounts()
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Until not one block is free."""
    with (folder / FILLER).open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(64 * 1024)):
            pass


def free(folder: Path) -> None:
    (folder / FILLER).unlink()
