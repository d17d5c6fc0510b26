"""Checks, before anything else, that the master key is the one that the database is encrypted with.

A small encrypted value in the database (`db.master_key_check`) proves it. A database without that value gets it at the
first start that can decrypt everything there; a new key is made only for a database with nothing encrypted in it.
"""

from db import master_key_check as table
from db.store import Store
from resolvers import rotation
from resolvers.rotation import PLACE_OF_CHECK, SealedCount
from runner.secrets.vault import Vault
from sshcast import master_keys
from sshcast.settings import Settings

MARK = b"sshcast"


class MasterKeyRefused(Exception):
    """The master key is missing, or is not the one of this database; the message says what to do."""


async def load_vault(store: Store, settings: Settings) -> Vault:
    """Return a vault with the available keys; raise MasterKeyRefused, and remove a key file that was created here."""
    made = await _make_missing_key(store, settings)
    keys = master_keys.find_keys(settings)
    if keys is None:
        raise MasterKeyRefused(_explain_missing_key(settings))
    vault = Vault(*keys, renew=lambda: master_keys.find_keys(settings))
    try:
        await _check_vault(store, vault, settings)
    except MasterKeyRefused:
        if not made:
            raise
        # Another service was the first on this database meanwhile. Nothing was sealed with the key that goes here.
        (settings.data / master_keys.FILE).unlink()
        raise MasterKeyRefused(_explain_missing_key(settings)) from None
    return vault


async def _make_missing_key(store: Store, settings: Settings) -> bool:
    """Create the key file if it is missing and the database needs none; return whether this call created it."""
    if not master_keys.is_missing(settings):
        return False
    if not await store.read(rotation.has_sealed_values):
        return master_keys.make_key_file(settings.data)
    # Looked for again: another process of this folder, that starts too, makes the file before it seals anything.
    if master_keys.is_missing(settings):
        raise MasterKeyRefused(_explain_missing_key(settings))
    return False


async def _check_vault(store: Store, vault: Vault, settings: Settings) -> None:
    kept = await store.read(table.load_value)
    if kept is None:
        found = await store.read(rotation.count_sealed, vault)
        if found.closed:
            raise MasterKeyRefused(_explain_closed_values(settings, found))
        kept = await store.run(table.insert_if_absent, vault.seal(MARK, **PLACE_OF_CHECK))
    if not vault.can_open(kept, PLACE_OF_CHECK):
        raise MasterKeyRefused(_explain_other_key(settings))


def _explain_missing_key(settings: Settings) -> str:
    return (
        f"there is no {master_keys.format_origin(settings)}, and the database is sealed with a master key already: "
        "restore that file from the backup, copy it from the data folder of another service on this database, or set "
        "SSHCAST_SECRET_KEY to the key in it"
    )


def _explain_other_key(settings: Settings) -> str:
    origin = master_keys.format_origin(settings)
    return f"the database is sealed with another master key than that in {origin}: {_explain_remedy(settings)}"


def _explain_closed_values(settings: Settings, found: SealedCount) -> str:
    """Return what to do about values that the keys do not decrypt, in a database without a check value."""
    if found.closed == found.sealed:
        return _explain_other_key(settings)
    return (
        f"{found.closed} of {found.sealed} sealed values in the database do not open with the master key in "
        f"{master_keys.format_origin(settings)}: if another key sealed them, give that one too, "
        f"{_explain_two_keys(settings)}, and run `sshcast secrets rotate`"
    )


def _explain_remedy(settings: Settings) -> str:
    if settings.secret_key is None:
        return (
            "copy secret.key from the data folder of another service on this database, or from the backup, or set "
            "SSHCAST_SECRET_KEY to the key in it"
        )
    return "set SSHCAST_SECRET_KEY to the key of the other services on this database, or to the one in the backup"


def _explain_two_keys(settings: Settings) -> str:
    if settings.secret_key is None:
        return "as a second line of that file"
    return "as SSHCAST_SECRET_KEY_BEFORE"
