"""Describe why SQLite cannot use its file, in a sentence that names the path and what to do.

SQLite's own messages ("unable to open database file", "disk I/O error") have many possible causes, so the file and its
folder are examined.
"""

import os
import pwd
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

BROKEN = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
BESIDE = ("", "-wal", "-shm")
OUR_TABLE = "task_executions"
MOST_NAMED = 3


class StoreUnusable(Exception):
    """The database is damaged, belongs to another program or cannot be used; the message says what to do."""


def explain(error: BaseException, path: Path) -> str | None:
    """Return a sentence for a SQLite error about the file at `path`; None for an error that is not about the file."""
    code = _code(error)
    if code == sqlite3.SQLITE_NOTADB:
        return (
            f"{path} is not a database of sshcast: it is another kind of file, cut off or encrypted. Restore it from "
            "the backup, move it away to begin anew, or choose another --data"
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return (
            f"{path} is damaged: stop every sshcast that uses it and restore it from the backup, or save what can be "
            f"read with `sqlite3 {path} .recover`"
        )
    if code in LOCKED:
        return f"another program keeps {path} locked: end what has it open, such as a backup or the sqlite3 shell"
    if code == sqlite3.SQLITE_FULL:
        return _full(path)
    if code == sqlite3.SQLITE_PROTOCOL:
        return no_shared_memory(path)
    if code == sqlite3.SQLITE_READONLY:  # or only this connection is read-only
        return obstacle(path)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
        return obstacle(path) or f"the disk that {path} is on fails: look at the system's log (dmesg, journalctl -k)"
    return None


def is_broken(error: BaseException) -> bool:
    """Return whether the file itself is damaged, so that a retry cannot help."""
    return _code(error) in BROKEN


def check_is_ours(conn: Connection) -> None:
    """Raise StoreUnusable if the SQLite file holds another program's tables: sshcast does not add its own to them."""
    if conn.dialect.name != "sqlite":
        return
    tables = {*inspect(conn).get_table_names()} - {"alembic_version"}
    if tables and OUR_TABLE not in tables:
        some = ", ".join(sorted(tables)[:MOST_NAMED])
        raise StoreUnusable(
            f"{conn.engine.url.database} is the database of another program (it has {some}), so nothing was changed "
            "in it: move it away, or choose another --data"
        )


def no_shared_memory(path: Path) -> str:
    return (
        f"the file system that {path} is on cannot be used for SQLite, as is so of most network file systems: choose "
        "another --data on a local disk, or use PostgreSQL (SSHCAST_DATABASE_URL)"
    )


def obstacle(path: Path) -> str | None:
    """Return what prevents opening and writing the file; None if nothing is found."""
    folder = path.parent
    if not os.path.isdir(folder):
        return f"{folder} is not there or may not be looked into: make that folder, or choose another --data"
    for file in (Path(f"{path}{end}") for end in BESIDE):
        if os.path.isdir(file):
            return f"{file} is a folder, where sshcast keeps its database: move it away, or choose another --data"
        if os.path.islink(file) and not os.path.exists(file):
            return f"{file} is a link to {os.readlink(file)}, which is not there: bring that back, or remove the link"
        if os.path.exists(file) and (reason := not_writable(file)):
            return reason
    return not_writable(folder) or (_full(path) if _is_full(folder) else None)


def explain_displaced(path: Path) -> str:
    """Return what to do when the file that is open is not at its path any more."""
    if path.exists():
        return (
            f"{path} is another file than the one that sshcast opened, so it is left alone: stop sshcast, remove "
            f"{path}-wal and {path}-shm unless they came with it, and start again"
        )
    return f"{path} is gone: move it back, or stop sshcast, restore the backup and start again"


def not_writable(path: Path) -> str | None:
    """Return why this user may not write the file, or into the folder; None if they may."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return f"the file system that {path} is on is read-only: mount it for writing, or choose another --data"
    if os.access(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)):
        return None
    found = path.stat()
    return (
        f"{_user(os.geteuid())} may not write {path}, which belongs to {_user(found.st_uid)} (mode "
        f"{found.st_mode & 0o7777:04o}): run sshcast as that user, or give it to this one with chown"
    )


def lack_of_room(path: Path, least: int) -> str | None:
    """Return why the open file at `path` cannot grow by `least` bytes; None if it can."""
    return _full(path) if _is_full(path.parent, least) else None


def _is_full(folder: Path, least: int = 1) -> bool:
    """Return whether the file system has less than `least` bytes, or no inode, free for this user."""
    found = os.statvfs(folder)
    blocks, files = (found.f_bfree, found.f_ffree) if os.geteuid() == 0 else (found.f_bavail, found.f_favail)
    return blocks * found.f_frsize < least or (files == 0 and found.f_files > 0)


def _full(path: Path) -> str:
    return f"the disk that {path} is on is full: make room there"


def _code(error: BaseException) -> int | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _user(number: int) -> str:
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user {number}"
