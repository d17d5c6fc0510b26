"""The manifest of a backup: what its archive holds, of which version and moment."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from db.columns import format_time

NAME = "manifest.json"
DATABASE = "sshcast.db"
KEYS = "secret.key"
FORMAT = 1
PART_BYTES = 1_048_576


class BackupInvalid(Exception):
    """The archive is not a backup of sshcast, or not a whole one; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the archive: its length in bytes, and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`taken_at`: the moment whose state the database is in. `sshcast` and `revision`: the version, and its schema."""

    taken_at: datetime
    sshcast: str
    revision: str
    files: Mapping[str, FileEntry]

    @property
    def has_keys(self) -> bool:
        return KEYS in self.files

    def dump(self) -> bytes:
        files = {name: asdict(entry) for name, entry in self.files.items()}
        shown = {
            "format": FORMAT,
            "takenAt": format_time(self.taken_at),
            "sshcast": self.sshcast,
            "schema": self.revision,
            "files": files,
        }
        return json.dumps(shown, indent=2).encode() + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """Raise BackupInvalid if it is none that this version can read."""
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise BackupInvalid(
                f"the backup has format {found['format']}, and this version of sshcast reads format {FORMAT}: restore "
                "it with the version that made it"
            )
        files = {str(name): _parse_entry(entry) for name, entry in found["files"].items()}
        taken_at = datetime.fromisoformat(found["takenAt"])
        made = Manifest(taken_at, str(found["sshcast"]), str(found["schema"]), files)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackupInvalid("its manifest cannot be read: it is damaged, or not a backup of sshcast") from None
    if DATABASE not in files or set(files) - {DATABASE, KEYS} or taken_at.tzinfo is None:
        raise BackupInvalid("its manifest does not name what a backup of sshcast holds")
    return made


def _parse_entry(entry: Any) -> FileEntry:
    return FileEntry(int(entry["size"]), str(entry["sha256"]))


def measure_file(path: Path) -> FileEntry:
    """Return the length and the digest of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
            size += len(part)
    return FileEntry(size, digest.hexdigest())


def copy_measured(source: IO[bytes], target: IO[bytes]) -> FileEntry:
    """Copy all bytes, and return their length and digest."""
    digest, size = hashlib.sha256(), 0
    while part := source.read(PART_BYTES):
        target.write(part)
        digest.update(part)
        size += len(part)
    return FileEntry(size, digest.hexdigest())
