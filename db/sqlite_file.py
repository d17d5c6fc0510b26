"""The file that a SQLite store has opened. SQLite itself goes on in a file that was moved, deleted or replaced."""

import os
from pathlib import Path

from db.sqlite_refusals import explain_displaced
from db.unavailable import StoreUnavailable


class DatabaseFileDisplaced(StoreUnavailable):
    """At the path of the database there is no file, or another one than was opened. Nothing was read or written."""


class DatabaseFile:
    """The path of a store's database, and which file was there when the store first opened it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, int] | None = None

    def mark_opened(self) -> None:
        """Take the file at the path as the store's own, unless an earlier connection did."""
        if self._opened is None:
            self._opened = self._find_identity()

    def is_in_place(self) -> bool:
        """Return whether the file at the path is the opened one; True before any was opened."""
        return self._opened is None or self._find_identity() == self._opened

    def check(self) -> None:
        """Raise DatabaseFileDisplaced if the opened file is not at its path."""
        if not self.is_in_place():
            raise DatabaseFileDisplaced(explain_displaced(self.path))

    def _find_identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino
