"""The data folder (0700): key files (0600), created on the first start, and the lock of the process that serves it."""

import errno
import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.sqlite_refusals import not_writable

KEY_BYTES = 32


class FolderUnsafe(Exception):
    """A key file or the folder can be read by others; the message says what to do."""


class FolderUnusable(Exception):
    """The folder cannot be created, or a file in it not be read or written; the message says what to do."""


class FolderBusy(Exception):
    """Another process serves this data folder."""


def prepare(folder: Path) -> None:
    """Create the folder for its owner only, or tighten an existing one; raise FolderUnusable if that fails."""
    with explain_refusals(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            folder.chmod(0o700)
    if hindrance := not_writable(folder):
        raise FolderUnusable(hindrance)


@contextmanager
def explain_refusals(path: Path) -> Iterator[None]:
    """Raise the system's errors about `path` as FolderUnusable."""
    try:
        yield
    except OSError as error:
        raise FolderUnusable(_refusal(error, Path(error.filename or path))) from error


def _refusal(error: OSError, path: Path) -> str:
    """Return a sentence with what a system error means for the data folder and what to do."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"the data folder cannot be {path}, for it, or what it would lie in, is a file: choose another --data"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk that {path} is on is full: make room there"
    if error.errno == errno.EROFS:
        return f"the file system that {path} is on is read-only: mount it for writing, or choose another --data"
    if error.errno == errno.ENAMETOOLONG:
        return f"the name of the data folder is too long ({len(str(path))} characters): choose another --data"
    if error.errno in (errno.EACCES, errno.EPERM):
        return _denial(path)
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return f"the file system that {path} is on has no locks: choose another --data on a local disk"
    return f"{path} cannot be used ({os.strerror(error.errno or 0)}): settle that, or choose another --data"


def _denial(path: Path) -> str:
    """Return why this user may not access the path: what is in the way, or who owns it."""
    nearest = next(each for each in (path, *path.absolute().parents) if os.path.lexists(each))
    return not_writable(nearest) or (
        f"{path} belongs to another user, so it cannot be closed to all others: choose a folder in it as --data, or "
        "run sshcast as its owner"
    )


def load_or_make_key(folder: Path, name: str) -> bytes:
    """Return the 32 bytes in the key file `name`, created if missing; raise FolderUnsafe if others may read it."""
    make_key(folder, name)
    return parse_key(load_key_text(folder, name), str(folder / name))


def make_key(folder: Path, name: str) -> bool:
    """Create the key file `name` if missing; return whether this call created it."""
    path = folder / name
    return not path.exists() and write_new(path, secrets.token_hex(KEY_BYTES).encode())


def load_key_text(folder: Path, name: str) -> str:
    """Return the text of the key file `name`; raise FolderUnsafe if others may read it."""
    path = folder / name
    with explain_refusals(path):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise FolderUnsafe(f"{path} can be read by others (mode {mode:o}): chmod 600 {path}")
        return path.read_text(errors="replace")


def parse_key(text: str, origin: str) -> bytes:
    """Convert 64 hexadecimal digits to 32 bytes."""
    try:
        found = bytes.fromhex(text.strip())
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise FolderUnsafe(f"{origin} must hold 64 hexadecimal digits: openssl rand -hex 32")
    return found


def write_new(path: Path, data: bytes) -> bool:
    """Write the file whole or not at all, for its owner only, unless it exists; return whether this call wrote it."""
    with explain_refusals(path), _write_draft(path, data) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
        return True


def replace(path: Path, data: bytes) -> None:
    """Replace the file atomically."""
    with explain_refusals(path), _write_draft(path, data) as draft:
        draft.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the folder's entries to the disk: without it, a power cut may lose a new file's name."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@contextmanager
def _write_draft(path: Path, data: bytes) -> Iterator[Path]:
    """Yield a file beside `path`, for its owner only and flushed to the disk, and delete it when the block ends."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of the process that runs executions; raise FolderBusy if another has it.

    A process that dies frees the lock, so whoever gets it may adopt its runs.
    """
    path = folder / "runner.lock"
    with explain_refusals(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        with explain_refusals(path):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FolderUnusable as error:
        if not isinstance(error.__cause__, BlockingIOError):
            raise
        raise FolderBusy(f"another sshcast serves {path.parent}: stop it first, or choose another --data") from None
