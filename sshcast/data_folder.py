"""The data folder (0700): key files (0600), made on the first start, and the lock of the process that serves it."""

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
    """The folder cannot be made, or something in it not read or written; the message says what to do."""


class FolderBusy(Exception):
    """Another process serves this data folder."""


def prepare(folder: Path) -> None:
    """Make the folder for its owner only; an existing one is tightened. FolderUnusable when that cannot be."""
    with told(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            folder.chmod(0o700)
    if hindrance := not_writable(folder):
        raise FolderUnusable(hindrance)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system refuses on `path`, as FolderUnusable."""
    try:
        yield
    except OSError as error:
        raise FolderUnusable(_refusal(error, Path(error.filename or path))) from error


def _refusal(error: OSError, path: Path) -> str:
    """In a sentence what an error of the system's means for the data folder, and what to do."""
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
    """Of a path that this user has no right to: what is in the way, or whose it is."""
    nearest = next(each for each in (path, *path.absolute().parents) if os.path.lexists(each))
    return not_writable(nearest) or (
        f"{path} belongs to another user, so it cannot be closed to all others: choose a folder in it as --data, or "
        "run sshcast as its owner"
    )


def load_or_make_key(folder: Path, name: str) -> bytes:
    """The 32 bytes in the key file `name`, made when there is none. FolderUnsafe when others may read it."""
    make_key(folder, name)
    return parse_key(load_key_text(folder, name), str(folder / name))


def make_key(folder: Path, name: str) -> bool:
    """A key file `name` when there is none. Whether this call has made it."""
    path = folder / name
    return not path.exists() and write_new(path, secrets.token_hex(KEY_BYTES).encode())


def load_key_text(folder: Path, name: str) -> str:
    """What the key file `name` holds. FolderUnsafe when others may read it."""
    path = folder / name
    with told(path):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise FolderUnsafe(f"{path} can be read by others (mode {mode:o}): chmod 600 {path}")
        return path.read_text(errors="replace")


def parse_key(text: str, origin: str) -> bytes:
    """64 hexadecimal digits as 32 bytes."""
    try:
        found = bytes.fromhex(text.strip())
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise FolderUnsafe(f"{origin} must hold 64 hexadecimal digits: openssl rand -hex 32")
    return found


def write_new(path: Path, data: bytes) -> bool:
    """Write it whole or not at all, readable by the owner only; the first of two writers wins. Whether this one did."""
    with told(path), _write_draft(path, data) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        _sync_folder(path.parent)
        return True


def replace(path: Path, data: bytes) -> None:
    """The file as a whole, at once, whatever happens meanwhile."""
    with told(path), _write_draft(path, data) as draft:
        draft.replace(path)
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """What the folder lists, on the disk: without it a power cut may take a new file's name away."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@contextmanager
def _write_draft(path: Path, data: bytes) -> Iterator[Path]:
    """A file beside `path`, for its owner only and on the disk, until the block ends."""
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
    """Held by the process that runs executions here: its death frees it, so adopting is safe. May raise FolderBusy."""
    path = folder / "runner.lock"
    with told(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def lock(descriptor: int, path: Path) -> None:
    try:
        with told(path):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FolderUnusable as error:
        if not isinstance(error.__cause__, BlockingIOError):
            raise
        raise FolderBusy(f"another sshcast serves {path.parent}: stop it first, or choose another --data") from None
