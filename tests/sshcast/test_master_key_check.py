"""A master key that is not the database's never starts anything, and a lost one is never replaced by a new one."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.command import upgrade
from sqlalchemy import Connection, LargeBinary, MetaData, delete, insert, select

from db import master_key_check as table
from db import secrets as secret_table
from db import servers as server_table
from db.migrate import migrate
from db.models import User
from db.revisions import build_config
from db.rows import get_table
from db.store import open_store
from db.values import Role
from resolvers import secrets as registered
from resolvers import users
from resolvers.context import Service
from resolvers.inputs import NewSecret
from resolvers.rotation import PLACE_OF_CHECK
from runner.execution import run_secrets
from runner.secrets import bindings
from runner.secrets.secret import Secret
from runner.secrets.vault import Vault
from sshcast import data_folder, master_keys
from sshcast.app import open_service
from sshcast.commands import local, secrets
from sshcast.master_key_check import MasterKeyRefused
from sshcast.settings import Settings
from tests.support.empty_database import empty
from tests.support.first_release import rows_of_the_first_release, strip_zone
from tests.support.postgres import postgres
from tests.support.rows import NOON
from tests.support.stores import Database, database, template

__all__ = ["database", "empty", "postgres", "template"]

pytestmark = pytest.mark.anyio

A, B = "0a" * 32, "0b" * 32
VALUE = "correct horse battery"
PLACE_OF_CREDENTIAL = {"table": "servers", "row": "1", "field": "credential"}


@pytest.fixture
async def url(database: Database) -> AsyncIterator[str]:
    async with database() as found:
        yield found


def settings_of(folder: Path, url: str, **given: Any) -> Settings:
    """Of a service with a data folder of its own on this database."""
    return Settings(data=folder, database_url=url, **given)


async def keep_secret(service: Service, name: str = "db-password") -> int:
    user = await users.add(service, name=f"admin-of-{name}", role=Role.ADMIN, password="long enough")
    made = await registered.create(local.build_context(service, user), NewSecret(name=name, value=Secret(VALUE)))
    return made.id


async def secret_of(service: Service, id: int) -> str:
    row = await service.store.read(secret_table.by_id, id)
    assert row is not None
    return run_secrets.unseal_registered(row, service.vault).reveal()


def vault_of(*keys: str) -> Vault:
    return Vault(*master_keys.name_keys([bytes.fromhex(key) for key in keys]))


def forget_check(conn: Connection) -> None:
    conn.execute(delete(table.checks))


@asynccontextmanager
async def without_check(url: str, **given: Any) -> AsyncIterator[int]:
    """The id of a secret, in a database that has no value to tell the key, as of an older release."""
    folder = given.pop("folder")
    async with open_service(settings_of(folder, url, **given)) as service:
        id = await keep_secret(service)
        await service.store.run(forget_check)
    yield id


async def kept_check(url: str) -> bytes | None:
    store = await open_store(url)
    found = await store.read(table.load_value)
    await store.close()
    return found


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix == ".key" or "secret" in path.name}


async def refusal(settings: Settings) -> str:
    with pytest.raises(MasterKeyRefused) as refused:
        async with open_service(settings):
            pass
    return str(refused.value)


async def test_a_service_with_another_key_is_refused_with_the_file_it_came_from(url: str, tmp_path: Path) -> None:
    async with open_service(settings_of(tmp_path / "first", url)):
        pass
    (tmp_path / "second").mkdir()
    data_folder.write_new(tmp_path / "second" / "secret.key", B.encode())
    told = await refusal(settings_of(tmp_path / "second", url))
    assert f"another master key than that in {tmp_path}/second/secret.key: copy secret.key from the data" in told
    assert (tmp_path / "second" / "secret.key").read_text() == B, "what was there stays"
    shutil.copy(tmp_path / "first" / "secret.key", tmp_path / "second" / "secret.key")
    async with open_service(settings_of(tmp_path / "second", url)):
        pass


async def test_a_service_with_another_key_in_its_environment_is_refused_by_the_variable(
    url: str, tmp_path: Path
) -> None:
    async with open_service(settings_of(tmp_path, url, secret_key=A)) as service:
        id = await keep_secret(service)
    told = await refusal(settings_of(tmp_path, url, secret_key=B))
    assert "another master key than that in SSHCAST_SECRET_KEY: set SSHCAST_SECRET_KEY to the key of" in told
    assert B not in told
    async with open_service(settings_of(tmp_path / "other", url, secret_key=A)) as service:
        assert await secret_of(service, id) == VALUE


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_service_without_a_key_is_told_to_copy_it_and_makes_none(
    url: str, tmp_path: Path, sealed: bool
) -> None:
    async with open_service(settings_of(tmp_path / "first", url)) as service:
        if sealed:
            await keep_secret(service)
    told = await refusal(settings_of(tmp_path / "second", url))
    assert f"there is no {tmp_path}/second/secret.key, and the database is sealed" in told
    assert "restore that file from the backup, copy it from the data folder of another service" in told
    assert files_of(tmp_path / "second") == set()


async def test_a_lost_key_is_not_replaced_where_an_older_release_has_sealed_something(url: str, tmp_path: Path) -> None:
    async with without_check(url, folder=tmp_path) as id:
        kept = (tmp_path / "secret.key").rename(tmp_path / "backup")
        assert "restore that file from the backup" in await refusal(settings_of(tmp_path, url))
        assert not (tmp_path / "secret.key").exists()
        kept.rename(tmp_path / "secret.key")
        async with open_service(settings_of(tmp_path, url)) as service:
            assert await secret_of(service, id) == VALUE


async def test_a_database_without_a_check_gets_it_only_from_a_key_that_opens_what_is_sealed(
    url: str, tmp_path: Path
) -> None:
    async with without_check(url, folder=tmp_path, secret_key=A):
        assert "another master key than that in SSHCAST_SECRET_KEY" in await refusal(
            settings_of(tmp_path, url, secret_key=B)
        )
        assert await kept_check(url) is None
        async with open_service(settings_of(tmp_path, url, secret_key=A)):
            pass
        kept = await kept_check(url)
        assert kept is not None
        async with open_service(settings_of(tmp_path, url, secret_key=A)):
            pass
        assert await kept_check(url) == kept, "strip_zone once"


async def test_where_only_some_values_open_it_says_how_many_and_both_keys_heal_it(url: str, tmp_path: Path) -> None:
    async with without_check(url, folder=tmp_path, secret_key=A) as first:
        store = await open_store(url)
        blob = vault_of(B).seal(b"of the other service", **bindings.build_registered_binding(first + 1))
        row = await store.read(secret_table.by_id, first)
        values = row._asdict() | {"id": first + 1, "name": "other", "value": blob}  # type: ignore[union-attr]
        await store.run(secret_table.insert, values)
        await store.close()
        told = await refusal(settings_of(tmp_path, url, secret_key=A))
        assert "1 of 2 sealed values in the database do not open with the master key in SSHCAST_SECRET_KEY" in told
        assert "give that one too, as SSHCAST_SECRET_KEY_BEFORE, and run `sshcast secrets rotate`" in told
        await secrets.rotate(settings_of(tmp_path, url, secret_key=A, secret_key_before=B))
        async with open_service(settings_of(tmp_path, url, secret_key=A)) as service:
            assert await secret_of(service, first) == VALUE
            assert await secret_of(service, first + 1) == "of the other service"


async def test_a_running_service_whose_key_file_goes_keeps_its_key_and_makes_no_other(url: str, tmp_path: Path) -> None:
    async with open_service(settings_of(tmp_path, url)) as service:
        kept = (tmp_path / "secret.key").rename(tmp_path / "backup")
        id = await keep_secret(service)
        assert await secret_of(service, id) == VALUE
        assert not (tmp_path / "secret.key").exists()
    kept.rename(tmp_path / "secret.key")
    async with open_service(settings_of(tmp_path, url)) as service:
        assert await secret_of(service, id) == VALUE


async def test_while_a_rotation_goes_on_either_key_opens_and_then_the_old_one_is_refused(
    url: str, tmp_path: Path
) -> None:
    async with open_service(settings_of(tmp_path, url, secret_key=A)) as service:
        await keep_secret(service)
    both = settings_of(tmp_path, url, secret_key=B, secret_key_before=A)
    async with open_service(both):
        assert not vault_of(B).can_open(await kept_check(url) or b"", PLACE_OF_CHECK), "the check is under the old key"
    await secrets.rotate(both)
    assert "another master key" in await refusal(settings_of(tmp_path, url, secret_key=A))
    for new in (both, settings_of(tmp_path, url, secret_key=B)):
        async with open_service(new) as service:
            assert await secret_of(service, 1) == VALUE


async def test_an_older_backup_of_the_database_wants_its_own_key(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    async with open_service(settings) as service:
        id = await keep_secret(service)
    shutil.copytree(settings.data, tmp_path / "backup")
    await secrets.rotate(settings)
    for path in settings.data.glob("sshcast.db*"):
        path.unlink()
    shutil.copy(tmp_path / "backup" / "sshcast.db", settings.data)
    assert "or from the backup" in await refusal(settings)
    shutil.copy(tmp_path / "backup" / "secret.key", settings.data)
    async with open_service(settings) as service:
        assert await secret_of(service, id) == VALUE


def release(conn: Connection, revision: str, credential: bytes) -> None:
    """The schema of a released version, with a server whose credential is sealed."""
    config = build_config()
    config.attributes["connection"] = conn
    upgrade(config, revision)
    tables = MetaData()
    tables.reflect(conn)
    at = strip_zone(conn, NOON)
    rows = rows_of_the_first_release(at)
    conn.execute(insert(tables.tables["users"]), rows["users"])
    conn.execute(insert(tables.tables["servers"]), rows["servers"] | {"credential": credential})


@pytest.mark.parametrize("revision", ["0001", "0002"])
async def test_a_database_of_each_released_schema_is_checked_by_what_it_has_sealed(
    empty: str, tmp_path: Path, revision: str
) -> None:
    store = await open_store(empty)
    await store.run(release, revision, vault_of(A).seal(b"{}", **PLACE_OF_CREDENTIAL))
    assert "0003" in await migrate(store)
    await store.close()
    assert "another master key" in await refusal(settings_of(tmp_path, empty, secret_key=B))
    assert "there is no " in await refusal(settings_of(tmp_path, empty))
    assert await kept_check(empty) is None
    async with open_service(settings_of(tmp_path, empty, secret_key=A)) as service:
        row = await service.store.read(server_table.by_id, 1)
        assert row is not None
        assert service.vault.open(row.credential, **PLACE_OF_CREDENTIAL) == b"{}"
    assert await kept_check(empty) is not None


def test_every_column_that_holds_bytes_or_is_called_sealed_is_known() -> None:
    """A new one that the master key seals belongs into `resolvers.rotation.KINDS`, and then here."""
    columns = [each for table in get_table(User).metadata.sorted_tables for each in table.columns]
    found = {str(each) for each in columns if isinstance(each.type, LargeBinary) or each.name.startswith("sealed")}
    assert found == {
        "servers.credential",
        "secrets.value",
        "tasks.sealed_env",
        "task_executions.sealed_env",
        "task_executions.sealed_run",
        "master_key_check.sealed",
        "output_chunks.data",
        "execution_stdin.sealed",
        "fleet_runs.sealed_env",
        "fleet_runs.sealed_stdin",
    }


async def test_the_database_takes_one_check_only(url: str) -> None:
    store = await open_store(url)
    assert await store.run(table.insert_if_absent, b"first") == b"first"
    assert await store.run(table.insert_if_absent, b"second") == b"first"
    assert not await store.run(table.replace, b"second", b"third")
    assert await store.run(table.replace, b"first", b"third")
    with pytest.raises(Exception, match="ck_master_key_check_one_row"):
        await store.run(lambda conn: conn.execute(insert(table.checks), {"id": 2, "sealed": b""}).close())
    assert await store.read(lambda conn: conn.execute(select(table.checks.c.sealed)).scalars().all()) == [b"third"]
    await store.close()
