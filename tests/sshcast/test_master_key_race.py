"""Of services that start at once, one's master key becomes the database's, and no other key is left behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from db import master_key_check as table
from db.store import open_store
from runner.secrets.vault import Vault
from sshcast import data_folder
from sshcast.app import open_service
from sshcast.master_key_check import MasterKeyRefused, load_vault
from sshcast.settings import Settings
from tests.support.postgres import postgres
from tests.support.stores import Database, Unruly, database, template

__all__ = ["database", "postgres", "template"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(database: Database) -> AsyncIterator[str]:
    async with database() as found:
        yield found


class Meeting(Unruly):
    """A store whose starts wait, in front of writing the check, until all of them have come there."""

    def __init__(self, store: Any, barrier: asyncio.Barrier) -> None:
        super().__init__(store)
        self.barrier = barrier
        self.obstacle = self.meet

    async def meet(self, unit: str) -> None:
        if unit == "insert_if_absent":
            await self.barrier.wait()


async def started_at_once(url: str, *folders: Path) -> list[Vault | BaseException]:
    store, barrier = await open_store(url), asyncio.Barrier(len(folders))
    for folder in folders:
        data_folder.prepare(folder)
    starts = [load_vault(Meeting(store, barrier), Settings(data=folder, database_url=url)) for folder in folders]
    found = await asyncio.gather(*starts, return_exceptions=True)
    await store.close()
    return found


async def test_of_services_that_start_at_once_on_a_new_database_one_wins(url: str, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    found = await started_at_once(url, *folders)
    (winner,) = [folder for folder, each in zip(folders, found, strict=True) if isinstance(each, Vault)]
    refused = [str(each) for each in found if isinstance(each, MasterKeyRefused)]
    assert len(refused) == 2
    assert all("there is no " in told and "secret.key" in told for told in refused)
    assert [folder for folder in folders if list(folder.glob("*secret*"))] == [winner], (
        "nobody else's key is left behind"
    )
    async with open_service(Settings(data=winner, database_url=url)):
        pass


async def test_two_that_start_at_once_in_one_folder_share_the_key(url: str, tmp_path: Path) -> None:
    found = await started_at_once(url, tmp_path / "data", tmp_path / "data")
    first, second = (each for each in found if isinstance(each, Vault))
    place = {"table": "t", "row": "1", "field": "f"}
    assert second.open(first.seal(b"x", **place), **place) == b"x"


async def test_a_start_that_is_overtaken_by_another_in_its_folder_goes_on(url: str, tmp_path: Path) -> None:
    """The other one makes the key between the look for the file and the look into the database."""
    settings = Settings(data=tmp_path, database_url=url)
    store = Unruly(await open_store(url))

    async def overtaken(unit: str) -> None:
        if unit == "has_sealed_values":
            async with open_service(settings):
                pass

    store.obstacle = overtaken
    vault = await load_vault(store, settings)
    kept = await store.real.read(table.load_value)
    assert kept is not None
    assert vault.is_current(kept)
    await store.close()
