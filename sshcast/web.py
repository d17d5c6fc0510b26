"""Fetches GraphiQL from npm for the playground: one pinned package, accepted only with the sha512 given here."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sshcast.errors import CommandFailed
from sshcast.page import GRAPHIQL

FETCH_SECONDS = 50
STAMP = "sha512"
WITHOUT = "Without it the playground has our own query page only"


@dataclass(frozen=True, slots=True)
class Package:
    """A package of npm, its archive's sha512 in base64, and the files wanted from it with the names they get."""

    name: str
    sha512: str
    files: Mapping[str, str]


PINNED = Package(
    name="@graphql-yoga/graphiql@4.5.0",
    sha512="mer2/6RUdSGxNXCcE2dccKjDvcvj4DxIdYDKkggS3ltHc/MenhdBwBr/fwMreC7mqTBtn25a/q9e2Hdn36WNJg==",
    files={
        "package/dist/yoga-graphiql.umd.js": "yoga-graphiql.js",
        "package/dist/graphiql.css": "yoga-graphiql.css",
        "package/dist/monacoeditorwork/editor.worker.bundle.js": "editor.worker.js",
        "package/dist/monacoeditorwork/graphql.worker..bundle.js": "graphql.worker.js",
        "package/dist/monacoeditorwork/json.worker.bundle.js": "json.worker.js",
        "package/LICENSE": "LICENSE",
    },
)


def fetch(folder: Path = GRAPHIQL, wanted: Package = PINNED) -> str:
    """Put the package's files into `folder` and return a message; on CommandFailed nothing has changed."""
    if (folder / STAMP).is_file() and (folder / STAMP).read_text() == wanted.sha512:
        return f"{wanted.name} is here already."
    try:
        with tempfile.TemporaryDirectory(prefix="sshcast-web-") as passing:
            archive = _verify_archive(_pack(wanted.name, Path(passing)), wanted)
            _unpack(archive, folder, wanted)
    except OSError as error:
        raise CommandFailed(f"GraphiQL could not be stored: {error}. {WITHOUT}.") from error
    return f"{wanted.name} is here now, its sha512 verified: reload the playground."


def _pack(name: str, passing: Path) -> Path:
    """Download the package's archive with this machine's npm and its configured registry."""
    npm = shutil.which("npm")
    if npm is None:
        raise CommandFailed(f"There is no npm on this machine: install Node.js, which has it. {WITHOUT}.")
    command = [npm, "pack", name, "--ignore-scripts", "--loglevel=error", "--pack-destination", str(passing)]
    try:
        done = subprocess.run(  # noqa: S603 - words of ours, and no shell
            command, cwd=passing, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"npm did not bring {name} within {FETCH_SECONDS} s: try again. {WITHOUT}.") from None
    archives = list(passing.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise CommandFailed(f"npm could not bring {name}: {_find_reason(done.stderr)} {WITHOUT}.")
    return archives[0]


def _verify_archive(archive: Path, wanted: Package) -> Path:
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != wanted.sha512:
        raise CommandFailed(
            f"{wanted.name} is not the package that was pinned, so nothing of it was kept: "
            f"its sha512 is {found}, not {wanted.sha512}. {WITHOUT}."
        )
    return archive


def _unpack(archive: Path, folder: Path, wanted: Package) -> None:
    """Unpack the wanted files beside `folder`, which is then replaced as a whole. All users may read them."""
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with tarfile.open(archive) as opened:
            for member, name in wanted.files.items():
                content = opened.extractfile(member)
                _write_file(draft / name, content.read() if content else b"")
        _write_file(draft / STAMP, wanted.sha512.encode())
        draft.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o644)


def _find_reason(stderr: str) -> str:
    """Return npm's own explanation: its first line that is more than a code."""
    lines = [line.removeprefix("npm error").strip() for line in stderr.splitlines()]
    said = [line for line in lines if line and not line.startswith("code ")]
    return said[0] if said else "it did not say why."
