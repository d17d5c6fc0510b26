"""The commands `sshcast backup` and `sshcast restore`."""

import importlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sshcast.cli_options import Data, Quiet, run, settings
from sshcast.errors import CommandFailed
from sshcast.remote.choice import Choice, require_local
from sshcast.remote.options import Local

Archive = Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, which must not exist.")]
WithoutKeys = Annotated[bool, typer.Option("--without-keys", help="Leave the master key out: you keep it elsewhere.")]
GivenArchive = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="An archive of `sshcast backup`.")]
Folder = Annotated[Path | None, typer.Option("--data", help="The folder to fill, empty or not there yet.")]
SettleDatabase = Annotated[
    bool, typer.Option("--settle-database", help="Settle a PostgreSQL database that pg_restore has filled.")
]
TakenAt = Annotated[
    str | None, typer.Option(help="With --settle-database: when pg_dump was begun, in ISO 8601; else the newest event.")
]
RevokeTokens = Annotated[bool, typer.Option("--revoke-tokens", help="Revoke all personal access tokens, too.")]
Json = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]


def backup(
    file: Archive, without_keys: WithoutKeys = False, data: Data = None, quiet: Quiet = False, local: Local = False
) -> None:
    """Write the SQLite database and the master key into one archive, while the service runs."""
    require_local(Choice(local=local), "backup")
    work = importlib.import_module("sshcast.backup.back_up")
    run(work.back_up(settings(data=data), file, with_keys=not without_keys, quiet=quiet))


def restore(
    file: GivenArchive = None,
    data: Folder = None,
    settle_database: SettleDatabase = False,
    taken_at: TakenAt = None,
    revoke_tokens: RevokeTokens = False,
    json: Json = False,
) -> None:
    """Fill an empty folder from a backup. What ran or was due since is told as unknown, and not run again."""
    work = importlib.import_module("sshcast.backup.restore")
    if settle_database:
        if file is not None or data is not None:
            raise CommandFailed("--settle-database takes neither FILE nor --data: the database is SSHCAST_DATABASE_URL")
        when = _read_moment(taken_at)
        run(work.settle_database(settings(), when, revoke_tokens=revoke_tokens, as_json=json))
    if file is None or data is None or taken_at is not None:
        raise CommandFailed("give the archive and a folder: sshcast restore FILE --data FOLDER")
    run(work.restore(settings(data=data), file, revoke_tokens=revoke_tokens, as_json=json))


def _read_moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"--taken-at: {text!r} is not a moment such as 2026-11-30T08:00:00Z") from None
    return (found if found.tzinfo is not None else found.astimezone()).astimezone(UTC)
