"""Checks of the database and the keys, without migrating or writing anything that stays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from sqlalchemy import Connection

from db import master_key_check as table
from db import migrate
from db.server_clock import read_clock
from db.sqlite_refusals import StoreUnusable
from db.store import Store, StoreUnavailable, open_store
from db.write_probe import try_write
from resolvers.rotation import PLACE_OF_CHECK
from runner.secrets.vault import Vault
from sshcast import data_folder, master_keys
from sshcast.data_folder import FolderUnsafe, FolderUnusable
from sshcast.database_home import SETTLE, has_moved
from sshcast.doctor.finding import Diagnosis, fail, pass_check, warn
from sshcast.settings import Settings

PATIENCE_SECONDS = 15.0
MOST_CLOCK_SECONDS = 2.0
MIGRATE = "run `sshcast migrate` (SQLite: the next start does)"


async def check_database(settings: Settings) -> AsyncIterator[Diagnosis]:
    """Yield what is found; what needs the database is left out where there is none."""
    if settings.sqlite and not (settings.data / "sshcast.db").exists():
        yield warn("database", "there is none yet", "the first start makes it; or give another --data")
        yield _check_key_files(settings)
        return
    store = await open_store(settings.url, connections=2)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            missing = await migrate.list_pending(store)
            yield _tell_revision(missing)
            yield await _check_writing(store)
            yield await _check_clock(store)
            yield _check_key_files(settings)
            if not missing:
                yield await _check_master_key(store, settings)
                if await has_moved(store):
                    yield fail("origin", "the database was restored or copied, and that is not settled", SETTLE)
    except (StoreUnusable, StoreUnavailable) as error:
        yield fail("database", str(error.__cause__ or error).splitlines()[0], str(error))
    except TimeoutError:
        yield fail("database", f"it did not answer within {PATIENCE_SECONDS:.0f} s", "look at its load and the network")
    finally:
        await store.close()


def _tell_revision(missing: list[str]) -> Diagnosis:
    if missing:
        return fail("database", f"its schema lacks {', '.join(missing)}", MIGRATE)
    return pass_check("database", f"it answers, and has schema {migrate.find_newest_revision()}")


class _Undone(Exception):
    """Rolls a write back."""


def _write_and_undo(conn: Connection) -> None:
    try_write(conn)
    raise _Undone


async def _check_writing(store: Store) -> Diagnosis:
    error: Exception | None = None
    try:
        await store.run(_write_and_undo)
    except _Undone:
        return pass_check("writing", "the database takes writes")
    except Exception as raised:
        error = raised
    return fail("writing", f"the database takes no writes ({error})", "look at its disk, its role and its locks")


async def _check_clock(store: Store) -> Diagnosis:
    asked = datetime.now(UTC)
    found = await store.read(read_clock)
    apart = abs((found - asked).total_seconds())
    if apart > MOST_CLOCK_SECONDS + (datetime.now(UTC) - asked).total_seconds():
        return fail("clock", f"this machine's and the database's are {apart:.0f} s apart", "set both by NTP")
    return pass_check("clock", f"it is {asked:%Y-%m-%d %H:%M:%S} UTC, here and at the database")


def _check_key_files(settings: Settings) -> Diagnosis:
    """Look whether the key files can be read, by this user alone."""
    try:
        if not master_keys.is_missing(settings):
            master_keys.load_keys(settings)
        path = settings.data / "signing.key"
        if settings.signing_key is None and path.exists():
            data_folder.parse_key(data_folder.load_key_text(settings.data, path.name), str(path))
    except (FolderUnsafe, FolderUnusable) as error:
        return fail("key files", str(error), "as the sentence says")
    return pass_check("key files", "they are there, or will be made by the first start")


async def _check_master_key(store: Store, settings: Settings) -> Diagnosis:
    try:
        keys = master_keys.find_keys(settings)
    except (FolderUnsafe, FolderUnusable) as error:
        return fail("master key", str(error), "as the sentence says")
    return await store.read(_compare_key, None if keys is None else Vault(*keys), settings)


def _compare_key(conn: Connection, vault: Vault | None, settings: Settings) -> Diagnosis:
    origin, sealed = master_keys.format_origin(settings), table.load_value(conn)
    if sealed is None:
        return pass_check("master key", "the database has nothing encrypted yet")
    if vault is None:
        return fail(
            "master key", f"there is no {origin}, and the database is encrypted", "bring it back from the backup"
        )
    if not vault.can_open(sealed, PLACE_OF_CHECK):
        return fail("master key", f"{origin} is not the key of this database", "bring the right one from the backup")
    return pass_check("master key", f"{origin} is the key of this database")
