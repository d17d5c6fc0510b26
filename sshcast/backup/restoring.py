"""Restores a backup into an empty folder: checks all of it, settles what went on since, and only then shows it."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from db import migrate
from db.restored import Contents, Restored, count_contents
from db.sqlite_copy import find_damage
from resolvers import restored
from resolvers.restored import Settlement
from sshcast import data_folder, master_key_check, master_keys
from sshcast.backup import manifest
from sshcast.backup.manifest import DATABASE, BackupInvalid, FileEntry, Manifest
from sshcast.data_store import open_data_store
from sshcast.errors import CommandFailed
from sshcast.settings import Settings

MOST_MANIFEST = 65_536


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What is wanted: the archive at `path` in the folder `settings.data`. `say` is told each step, in both languages.

    `revoke_tokens`: personal access tokens end, too.
    """

    path: Path
    settings: Settings
    clock: Callable[[], datetime]
    say: Callable[[str, str], None]
    revoke_tokens: bool = False

    @property
    def folder(self) -> Path:
        return self.settings.data


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What the backup was, what is in it, and what was settled. `opens`: the master key at hand opens it."""

    manifest: Manifest
    contents: Contents
    settlement: Settlement
    opens: bool


async def restore_backup(wanted: RestoreRequest) -> RestoreReport:
    """Fill the folder, whole or not at all. Raise BackupInvalid for what is no whole backup."""
    _check_empty(wanted.folder)
    with _draft_folder(wanted.folder) as draft:
        wanted.say("Unpacking and checking the digests", "正在解包并校验摘要")
        found = _unpack(wanted.path, draft)
        _check_database(draft / DATABASE, found)
        wanted.say("Settling what went on since the backup", "正在处理备份之后的状态")
        report = await _settle(wanted, draft, found)
        _publish(draft, wanted.folder)
    return report


def _check_empty(folder: Path) -> None:
    """Raise CommandFailed if there is anything in the folder already."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise CommandFailed(f"{folder} is not empty, and a restore overwrites nothing: give an empty or a new folder")


def _unpack(path: Path, draft: Path) -> Manifest:
    """Write the archive's files into the folder, and return its manifest, by which all of them were checked."""
    try:
        with tarfile.open(path, "r:*") as archive:
            found = manifest.parse_manifest(_read_manifest(archive))
            left = dict(found.files)
            for entry in archive:
                _extract(archive, entry, left, draft)
    except (tarfile.TarError, EOFError) as error:
        raise BackupInvalid(f"{path} is not a whole backup of sshcast ({error}): use another copy of it") from error
    if left:
        raise BackupInvalid(f"{path} lacks {', '.join(left)}: it is cut off, use another copy of it")
    return found


def _read_manifest(archive: tarfile.TarFile) -> bytes:
    """Return the first file, which must be the manifest."""
    entry = archive.next()
    if entry is None or entry.name != manifest.NAME or not entry.isreg() or entry.size > MOST_MANIFEST:
        raise BackupInvalid("it is not a backup that `sshcast backup` made: its manifest does not come first")
    file = archive.extractfile(entry)
    return b"" if file is None else file.read()


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, left: dict[str, FileEntry], draft: Path) -> None:
    """Write one file that the manifest names, and take it off `left`. Names are never taken as paths."""
    if entry.name == manifest.NAME and entry.offset == 0:
        return
    wanted = left.pop(entry.name, None)
    file = archive.extractfile(entry) if entry.isreg() else None
    if wanted is None or file is None:
        raise BackupInvalid(f"it holds {entry.name!r}, which its manifest does not name: it is not to be trusted")
    with (draft / entry.name).open("xb") as target:
        if manifest.copy_measured(file, target) != wanted:
            raise BackupInvalid(
                f"{entry.name} in it is damaged (its digest is another): use another copy of the backup"
            )
        target.flush()
        os.fsync(target.fileno())


def _check_database(path: Path, found: Manifest) -> None:
    newest = migrate.find_newest_revision()
    if found.revision > newest:
        raise BackupInvalid(
            f"it was made by sshcast {found.sshcast} (schema {found.revision}), which is newer than this version "
            f"(schema {newest}): restore it with that version"
        )
    if (damage := find_damage(path)) is not None:
        raise BackupInvalid(f"the database in it is damaged ({damage}): use an older backup")


async def _settle(wanted: RestoreRequest, draft: Path, found: Manifest) -> RestoreReport:
    """Bring the draft to this version's schema, and settle it."""
    settings = wanted.settings.model_copy(update={"data": draft})
    async with open_data_store(settings) as store:
        await migrate.migrate(store)
        opens = not master_keys.is_missing(settings)
        if opens:  # raises MasterKeyRefused for another key than that of the database
            await master_key_check.load_vault(store, settings)
        contents = await store.read(count_contents)
        when = Restored(found.taken_at, wanted.clock())
        settlement = await store.run(restored.settle, when, revoke_tokens=wanted.revoke_tokens)
    return RestoreReport(found, contents, settlement, opens)


def _publish(draft: Path, folder: Path) -> None:
    """Make the draft the folder. In one that is there, which may be a disk's own, the database comes last."""
    data_folder.sync_folder(draft)
    if not folder.exists():
        draft.rename(folder)
        data_folder.sync_folder(folder.parent)
        return
    for file in sorted(draft.iterdir(), key=lambda file: file.name == DATABASE):
        file.rename(folder / file.name)
    data_folder.sync_folder(folder)


@contextmanager
def _draft_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder for its owner only, in the wanted one or beside it, and remove what is left of it."""
    place = folder if folder.exists() else folder.parent
    place.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=place))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
