"""Makes a backup: the database as it is at one moment, while the service goes on, and the master key that opens it."""

import errno
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from db.sqlite_copy import copy_database, estimate_copy, find_revision
from sshcast import data_folder, master_keys
from sshcast.backup import manifest
from sshcast.backup.manifest import DATABASE, KEYS, Manifest
from sshcast.errors import CommandFailed

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What is wanted: an archive at `path` of the data folder `data`. `say` is told each step, in English and Chinese.

    `with_keys`: the archive holds the master key too. `version`: that of this sshcast.
    """

    data: Path
    path: Path
    with_keys: bool
    version: str
    clock: Callable[[], datetime]
    say: Callable[[str, str], None]

    @property
    def database(self) -> Path:
        return self.data / DATABASE


def make_backup(wanted: BackupRequest) -> Manifest:
    """Write the archive, whole or not at all, and return its manifest. Raise CommandFailed if the file exists."""
    if os.path.lexists(wanted.path):
        raise CommandFailed(f"{wanted.path} exists, and a backup overwrites nothing: give another name")
    if not wanted.database.exists():
        raise CommandFailed(f"there is no database in {wanted.data}: give the data folder of the service by --data")
    with _draft_folder(wanted.path) as folder:
        made = _collect(wanted, folder)
        wanted.say("Writing the archive", "正在写入归档")
        _write_archive(folder, made)
        _publish(folder / "archive", wanted.path)
    return made


def _collect(wanted: BackupRequest, folder: Path) -> Manifest:
    """Copy what belongs to the backup into the folder, and return the manifest of that."""
    _check_room(wanted, folder)
    # A rotation may go on meanwhile: the keys of before and after the copy together open all of it.
    before = master_keys.load_key_file(wanted.data) if wanted.with_keys else []
    wanted.say("Copying the database, which stays in use", "正在复制数据库（服务可继续使用）")
    taken_at = wanted.clock()
    copy_database(wanted.database, folder / DATABASE)
    if wanted.with_keys:
        after = master_keys.load_key_file(wanted.data)
        keys = [*after, *(key for key in before if key not in after)]
        data_folder.write_new(folder / KEYS, master_keys.format_key_file(keys))
    revision = find_revision(folder / DATABASE)
    if revision is None:
        raise CommandFailed(f"{wanted.database} is not a database of sshcast: give the service's folder by --data")
    wanted.say("Computing the digests", "正在计算摘要")
    names = [DATABASE, *([KEYS] if wanted.with_keys else [])]
    return Manifest(taken_at, wanted.version, revision, {name: manifest.measure_file(folder / name) for name in names})


def _check_room(wanted: BackupRequest, folder: Path) -> None:
    """Raise CommandFailed if there is no room for the copy and the archive that it goes into."""
    needed, free = 2 * estimate_copy(wanted.database), shutil.disk_usage(folder).free
    if free < needed:
        raise CommandFailed(
            f"the backup needs about {_format_size(needed)} free where {wanted.path} goes, and there are "
            f"{_format_size(free)}: make room there, or give a path on another disk"
        )


def _format_size(number: int) -> str:
    return f"{number / 2**20:,.0f} MiB"


def _write_archive(folder: Path, made: Manifest) -> None:
    """Write the archive, the manifest first, and flush it to the disk."""
    (folder / manifest.NAME).write_bytes(made.dump())
    with (folder / "archive").open("xb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in (manifest.NAME, *made.files):
                archive.add(folder / name, arcname=name, recursive=False, filter=_strip_owner)
        file.flush()
        os.fsync(file.fileno())


def _strip_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _publish(archive: Path, path: Path) -> None:
    """Give the archive its name, unless that is taken by now."""
    archive.chmod(0o600)
    try:
        os.link(archive, path)
    except FileExistsError:
        raise CommandFailed(f"{path} was made meanwhile, and a backup overwrites nothing: give another name") from None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        archive.rename(path)  # a file system without links
    data_folder.sync_folder(path.parent)


@contextmanager
def _draft_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside the archive, for its owner only, and remove it in any case."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
