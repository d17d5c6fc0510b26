"""A database file that is moved, deleted or replaced under its store: nothing is written where it would be lost."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from db.sqlite_file import DatabaseFileDisplaced
from db.sqlite_store import READERS
from db.store import Store, open_store
from tests.support import rows
from tests.support.rows import list_user_names
from tests.support.statements import counted
from tests.support.stores import copied

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """With a user, and with one reader that has a connection."""
    async with copied(template, tmp_path) as url:
        opened = await open_store(url)
        await opened.run(rows.user, "ada")
        await opened.read(list_user_names)
        yield opened
        await opened.close()


class File:
    """The database's file, in the hands of an operator."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.moved = path.with_name("moved.db")

    def move_away(self) -> None:
        self.path.rename(self.moved)

    def move_back(self) -> None:
        self.moved.rename(self.path)

    def delete(self) -> None:
        self.path.unlink()

    def replace_by(self, other: Path) -> None:
        shutil.copy(other, self.path.with_name("backup.db"))
        self.path.with_name("backup.db").replace(self.path)

    def is_there(self) -> bool:
        return self.path.exists()

    def equals(self, other: Path) -> bool:
        return self.path.read_bytes() == other.read_bytes()


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "sshcast.db")


async def is_refused(store: Store, why: str) -> None:
    with pytest.raises(DatabaseFileDisplaced, match=why):
        await store.run(rows.user, "grace")
    for _ in range(2 * READERS):
        with pytest.raises(DatabaseFileDisplaced, match=why):
            await store.read(list_user_names)


async def read_everywhere(store: Store) -> list[list[str]]:
    """What each reader's connection shows."""
    together = threading.Barrier(READERS)

    def read(conn: Connection) -> list[str]:
        together.wait(5)
        return list_user_names(conn)

    return await asyncio.gather(*(store.read(read) for _ in range(READERS)))


async def test_nothing_is_written_to_a_file_that_was_moved_and_none_is_made_in_its_place(
    store: Store, file: File
) -> None:
    file.move_away()
    await is_refused(store, "is gone: move it back")
    assert not file.is_there()
    file.move_back()
    await store.run(rows.user, "grace")
    assert await read_everywhere(store) == [["ada", "grace"]] * READERS


async def test_nothing_is_written_to_a_file_that_was_deleted(store: Store, file: File) -> None:
    file.delete()
    await is_refused(store, "restore the backup")
    assert not file.is_there()


async def test_a_file_that_was_put_in_its_place_is_left_alone(store: Store, file: File, template: Path) -> None:
    file.replace_by(template)
    await is_refused(store, "is another file than the one that sshcast opened")
    assert file.equals(template)


async def test_a_fact_that_is_kept_is_not_told_while_the_file_is_away(store: Store, file: File) -> None:
    assert await store.read_fact(list_user_names) == ["ada"]
    with counted() as statements:
        assert await store.read_fact(list_user_names) == ["ada"]
    assert not statements
    file.move_away()
    with pytest.raises(DatabaseFileDisplaced):
        await store.read_fact(list_user_names)
