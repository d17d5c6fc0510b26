"""A SQLite file that cannot be used: the store says at once which file it is, and what to do."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from db import sqlite_engine
from db.migrate import migrate
from db.sqlite_refusals import StoreUnusable, explain, obstacle
from db.store import StoreUnavailable, open_store
from tests.support import rows
from tests.support.rows import list_user_names

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sshcast.db"


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def taken(path: Path) -> bytes:
    return path.read_bytes()


async def fails_at(path: Path, error: type[Exception], says: str) -> None:
    """Both ways into the store end so, and at once."""
    store = await open_store(f"sqlite:///{path}")
    for call in (store.read(list_user_names), store.run(rows.user, "ada")):
        with pytest.raises(error, match=f"^{re.escape(str(path))}.* {says}"):
            await call
    await store.close()


@pytest.mark.parametrize("content", [b"a poem", b"SQLite format 2\0" * 300, bytes(range(256)) * 40])
async def test_what_is_no_database_is_unusable_for_readers_and_the_writer(content: bytes, path: Path) -> None:
    put(path, content)
    await fails_at(path, StoreUnusable, "is not a database of sshcast")
    assert taken(path) == content


async def test_what_is_damaged_in_the_middle_is_told_where_it_is_met(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE users (name)")
        other.executemany("INSERT INTO users VALUES (?)", ((f"{number:0400}",) for number in range(200)))
        other.commit()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    store = await open_store(f"sqlite:///{path}")
    with pytest.raises(StoreUnusable, match="is damaged: stop every sshcast"):
        await store.read(lambda conn: conn.execute(text("SELECT name FROM users")).all())
    await store.close()


def a_folder(path: Path) -> str:
    path.mkdir()
    return "is a folder, where sshcast keeps its database"


def a_dangling_link(path: Path) -> str:
    path.symlink_to("/nowhere/sshcast.db")
    return "is a link to /nowhere/sshcast.db, which is not there"


@pytest.mark.parametrize("harm", [a_folder, a_dangling_link])
async def test_what_will_never_open_is_no_lock_to_wait_for(
    harm: Callable[[Path], str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_MS", 10_000_000)
    await fails_at(path, StoreUnavailable, harm(path))


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'nowhere' / 'sshcast.db'}")
    with pytest.raises(StoreUnavailable, match=f"^{re.escape(str(tmp_path))}/nowhere is not there or may not be"):
        await store.read(list_user_names)
    await store.close()


async def test_the_tables_of_another_program_are_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (id)")
        other.commit()
    store = await open_store(f"sqlite:///{path}")
    with pytest.raises(StoreUnusable, match=r"is the database of another program \(it has photos\)"):
        await migrate(store)
    await store.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("photos",)]


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    put(path, b"")
    store = await open_store(f"sqlite:///{path}")
    assert await migrate(store) != []
    await store.close()


def test_what_has_nothing_to_do_with_the_file_is_not_explained(path: Path) -> None:
    path.touch()
    with closing(sqlite3.connect(path)) as conn, pytest.raises(sqlite3.OperationalError) as caught:
        conn.execute("SELECT nothing FROM nowhere")
    assert explain(caught.value, path) is None
    assert explain(ValueError("x"), path) is None
    assert obstacle(path) is None
