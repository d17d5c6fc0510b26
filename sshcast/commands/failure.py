"""What a command that failed tells who ran it."""

from db.sqlite_refusals import StoreUnusable
from db.unavailable import StoreUnavailable
from resolvers.errors import ServiceError
from resolvers.tokens import WeakKey
from runner.secrets.vault import VaultError
from sshcast.app import DatabaseOlder
from sshcast.data_folder import FolderBusy, FolderUnsafe, FolderUnusable
from sshcast.errors import CommandFailed
from sshcast.master_key_check import MasterKeyRefused
from sshcast.notes import Notes
from sshcast.settings import SettingsInvalid

EXPECTED = (
    CommandFailed,
    SettingsInvalid,
    DatabaseOlder,
    FolderBusy,
    FolderUnsafe,
    FolderUnusable,
    MasterKeyRefused,
    StoreUnusable,
    VaultError,
    WeakKey,
)


def report_failure(error: Exception) -> int:
    """Say on stderr what went wrong; the exit status. An error that nobody expects is raised again."""
    status, text = 1, str(error)
    if isinstance(error, ServiceError):
        status, text = 2, f"{'.'.join(error.field)}: {error.en}" if error.field else error.en
    elif isinstance(error, StoreUnavailable):
        text = away(error)
    elif isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename} cannot be used: {error.strerror}"
    elif not isinstance(error, EXPECTED):
        raise error
    Notes().say(f"sshcast: {text}", "red")
    return status


def away(error: StoreUnavailable) -> str:
    """Where it says no more than that the database is away, the driver's first line says why."""
    why = str(error.__cause__ or "").strip().splitlines()
    return f"{error}: {why[0]}" if why and str(error) == str(StoreUnavailable()) else str(error)
