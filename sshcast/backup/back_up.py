"""`sshcast backup`: writes the database and the master key into one archive, while the service runs."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sshcast import master_keys
from sshcast.backup.making import BackupRequest, make_backup
from sshcast.commands import version
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.progress import Progress
from sshcast.settings import Settings
from sshcast.words import choose

NOT_SQLITE = (
    "the database is PostgreSQL, which has tools of its own for this: `pg_dump --format=custom`, and keep secret.key "
    "of the data folder beside it (docs/operations.md, Backup and restore)"
)


async def back_up(settings: Settings, path: Path, *, with_keys: bool, quiet: bool) -> int:
    """Make the archive, and print its path."""
    if not settings.sqlite:
        raise CommandFailed(NOT_SQLITE)
    progress = Progress()
    from_environment = settings.secret_key is not None
    wanted = BackupRequest(
        data=settings.data,
        path=path,
        with_keys=with_keys and not from_environment and not master_keys.is_missing(settings),
        version=version.find_version(),
        clock=lambda: datetime.now(UTC),
        say=_say_nothing if quiet else progress.say,
    )
    try:
        made = await asyncio.to_thread(make_backup, wanted)
    finally:
        progress.clear()
    notes = Notes(quiet=quiet)
    if made.has_keys:
        notes.say(
            choose(
                "it holds the master key: whoever has the file can open every credential in it, so keep it as a secret",
                "其中含有主密钥：得到该文件的人可以解开全部凭据，请妥善保管",
            ),
            "yellow",
        )
    else:
        notes.say(_explain_missing_keys(from_environment), "yellow")
    print(path)
    return 0


def _explain_missing_keys(from_environment: bool) -> str:
    where = "SSHCAST_SECRET_KEY" if from_environment else "secret.key"
    return choose(
        f"the master key is not in it: without {where} nobody can open the credentials, so keep that elsewhere",
        f"其中没有主密钥：没有 {where} 就无法解开凭据，请另行保存",
    )


def _say_nothing(english: str, chinese: str) -> None:
    """Stands for the progress of a quiet command."""
