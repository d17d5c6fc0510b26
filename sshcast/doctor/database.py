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
from sshcast.doctor.finding import AS_SAID, FIRST_START, Diagnosis, fail, pass_check, warn
from sshcast.settings import Settings
from sshcast.words import Bilingual

PATIENCE_SECONDS = 15.0
MOST_CLOCK_SECONDS = 2.0
MIGRATE = Bilingual(
    "run `sshcast migrate` (SQLite: the next start does)", "运行 `sshcast migrate`（SQLite 在下次启动时自动完成）"
)
NONE_YET = Bilingual("there is none yet", "尚不存在")
FROM_BACKUP = Bilingual("bring it back from the backup", "从备份中恢复")
MOVED = Bilingual(
    "the database was restored or copied, and that is not settled", "数据库是恢复或复制而来的，且尚未处理"
)
SETTLE_IT = Bilingual(
    SETTLE,
    "请停止使用它的所有 sshcast 并运行 `sshcast restore --settle-database`；若复制开始之后没有运行过任何命令，也可运行 "
    "`sshcast migrate --moved`",
)


async def check_database(settings: Settings) -> AsyncIterator[Diagnosis]:
    """Yield what is found; what needs the database is left out where there is none."""
    if settings.sqlite and not (settings.data / "sshcast.db").exists():
        yield warn("database", NONE_YET, FIRST_START)
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
                    yield fail("origin", MOVED, SETTLE_IT)
    except (StoreUnusable, StoreUnavailable) as error:
        yield fail("database", str(error.__cause__ or error).splitlines()[0], str(error))
    except TimeoutError:
        yield fail(
            "database",
            Bilingual(f"it did not answer within {PATIENCE_SECONDS:.0f} s", f"{PATIENCE_SECONDS:.0f} 秒内没有应答"),
            Bilingual("look at its load and the network", "请检查其负载和网络"),
        )
    finally:
        await store.close()


def _tell_revision(missing: list[str]) -> Diagnosis:
    if missing:
        names = ", ".join(missing)
        return fail("database", Bilingual(f"its schema lacks {names}", f"其结构缺少 {names}"), MIGRATE)
    newest = migrate.find_newest_revision()
    return pass_check("database", Bilingual(f"it answers, and has schema {newest}", f"有应答，结构版本为 {newest}"))


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
        return pass_check("writing", Bilingual("the database takes writes", "数据库可以写入"))
    except Exception as raised:
        error = raised
    return fail(
        "writing",
        Bilingual(f"the database takes no writes ({error})", f"数据库无法写入（{error}）"),
        Bilingual("look at its disk, its role and its locks", "请检查其磁盘、角色和锁"),
    )


async def _check_clock(store: Store) -> Diagnosis:
    asked = datetime.now(UTC)
    found = await store.read(read_clock)
    apart = abs((found - asked).total_seconds())
    if apart > MOST_CLOCK_SECONDS + (datetime.now(UTC) - asked).total_seconds():
        return fail(
            "clock",
            Bilingual(
                f"this machine's and the database's are {apart:.0f} s apart", f"本机与数据库的时钟相差 {apart:.0f} 秒"
            ),
            Bilingual("set both by NTP", "请用 NTP 校准两者"),
        )
    now = f"{asked:%Y-%m-%d %H:%M:%S} UTC"
    return pass_check("clock", Bilingual(f"it is {now}, here and at the database", f"本机与数据库均为 {now}"))


def _check_key_files(settings: Settings) -> Diagnosis:
    """Look whether the key files can be read, by this user alone."""
    try:
        if not master_keys.is_missing(settings):
            master_keys.load_keys(settings)
        path = settings.data / "signing.key"
        if settings.signing_key is None and path.exists():
            data_folder.parse_key(data_folder.load_key_text(settings.data, path.name), str(path))
    except (FolderUnsafe, FolderUnusable) as error:
        return fail("key files", str(error), AS_SAID)
    return pass_check(
        "key files", Bilingual("they are there, or will be made by the first start", "已存在，或由首次启动生成")
    )


async def _check_master_key(store: Store, settings: Settings) -> Diagnosis:
    try:
        keys = master_keys.find_keys(settings)
    except (FolderUnsafe, FolderUnusable) as error:
        return fail("master key", str(error), AS_SAID)
    return await store.read(_compare_key, None if keys is None else Vault(*keys), settings)


def _compare_key(conn: Connection, vault: Vault | None, settings: Settings) -> Diagnosis:
    origin, sealed = master_keys.format_origin(settings), table.load_value(conn)
    if sealed is None:
        return pass_check("master key", Bilingual("the database has nothing encrypted yet", "数据库中尚无加密的内容"))
    if vault is None:
        found = Bilingual(f"there is no {origin}, and the database is encrypted", f"没有 {origin}，而数据库已加密")
        return fail("master key", found, FROM_BACKUP)
    if not vault.can_open(sealed, PLACE_OF_CHECK):
        return fail(
            "master key",
            Bilingual(f"{origin} is not the key of this database", f"{origin} 不是此数据库的密钥"),
            Bilingual("bring the right one from the backup", "从备份中恢复正确的密钥"),
        )
    return pass_check("master key", Bilingual(f"{origin} is the key of this database", f"{origin} 是此数据库的密钥"))
