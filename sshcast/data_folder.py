"""The data folder (0700): key files (0600), made on the first start, and the lock of the process that serves it."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY_BYTES = 32


class FolderUnsafe(Exception):
    """A key file or the folder can be read by others; the message says what to do."""


class FolderBusy(Exception):
    """Another process serves this data folder."""


def prepare(folder: Path) -> None:
    """Make the folder for its owner only; an existing one is tightened."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def key(folder: Path, name: str) -> bytes:
    """The 32 bytes in the key file `name`, made when there is none. FolderUnsafe when others may read it."""
    make_key(folder, name)
    return parsed(secret_text(folder, name), str(folder / name))


def make_key(folder: Path, name: str) -> bool:
    """A key file `name` when there is none. Whether this call has made it."""
    path = folder / name
    return not path.exists() and write_new(path, secrets.token_hex(KEY_BYTES).encode())


def secret_text(folder: Path, name: str) -> str:
    """What the key file `name` holds. FolderUnsafe when others may read it."""
    path = folder / name
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise FolderUnsafe(f"{path} can be read by others (mode {mode:o}): chmod 600 {path}")
    return path.read_text()


def parsed(text: str, origin: str) -> bytes:
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
    draft = drafted(path, data)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """The file as a whole, at once, whatever happens meanwhile."""
    drafted(path, data).replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """What the folder lists, on the disk: without it a power cut may take a new file's name away."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def drafted(path: Path, data: bytes) -> Path:
    """A file beside `path`, for its owner only and on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    return draft


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Held by the process that runs executions here: its death frees it, so adopting is safe. May raise FolderBusy."""
    descriptor = os.open(folder / "runner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise FolderBusy(f"another sshcast serves {folder}: stop it first, or choose another --data") from None
    finally:
        os.close(descriptor)
