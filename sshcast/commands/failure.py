"""Error messages of commands that failed."""

from db.sqlite_refusals import StoreUnusable
from db.unavailable import StoreUnavailable
from resolvers.errors import ServiceError
from resolvers.signing_key import WeakKey
from runner.secrets.vault import VaultError
from sshcast.data_folder import FolderBusy, FolderUnsafe, FolderUnusable
from sshcast.data_store import DatabaseOlder
from sshcast.database_home import DatabaseMoved
from sshcast.errors import CommandFailed
from sshcast.master_key_check import MasterKeyRefused
from sshcast.notes import Notes
from sshcast.settings import SettingsInvalid

EXPECTED = (
    CommandFailed,
    SettingsInvalid,
    DatabaseMoved,
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
    """Print on stderr what went wrong, and return the exit status. Unexpected errors are raised again."""
    status, text = 1, str(error)
    if isinstance(error, ServiceError):
        status, text = 2, f"{'.'.join(error.field)}: {error.en}" if error.field else error.en
    elif isinstance(error, StoreUnavailable):
        text = _format_outage(error)
    elif isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename} cannot be used: {error.strerror}"
    elif not isinstance(error, EXPECTED):
        raise error
    Notes().say(f"sshcast: {text}", "red")
    return status


def _format_outage(error: StoreUnavailable) -> str:
    """Return the error's message; if it says only that the database is away, add the first line of the driver's."""
    why = str(error.__cause__ or "").strip().splitlines()
    return f"{error}: {why[0]}" if why and str(error) == str(StoreUnavailable()) else str(error)
