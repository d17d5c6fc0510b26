"""What a command that failed tells who ran it."""

from rich.console import Console

from db.unavailable import StoreUnavailable
from resolvers.errors import ServiceError
from resolvers.tokens import WeakKey
from runner.vault import VaultError
from sshcast.app import DatabaseOlder
from sshcast.commands.errors import CommandFailed
from sshcast.data_folder import FolderBusy, FolderUnsafe
from sshcast.master_key_check import MasterKeyRefused
from sshcast.settings import SettingsInvalid

EXPECTED = (
    CommandFailed,
    SettingsInvalid,
    DatabaseOlder,
    FolderBusy,
    FolderUnsafe,
    MasterKeyRefused,
    VaultError,
    WeakKey,
)


def told(error: Exception) -> int:
    """Say on stderr what went wrong; the exit status. An error that nobody expects is raised again."""
    status, text = 1, str(error)
    if isinstance(error, ServiceError):
        status, text = 2, f"{'.'.join(error.field)}: {error.en}" if error.field else error.en
    elif isinstance(error, StoreUnavailable):
        text = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
    elif not isinstance(error, EXPECTED):
        raise error
    Console(stderr=True).print(f"sshcast: {text}", style="red", highlight=False, markup=False, soft_wrap=True)
    return status
