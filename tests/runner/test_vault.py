"""Secrets are sealed for one place, and open nowhere else and with no other key."""

import os

import pytest

from runner.secrets.vault import Vault, VaultError

PLACE = {"table": "servers", "row": "7", "field": "credential"}
OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture
def vault() -> Vault:
    return Vault({"old": OLD}, "old")


@pytest.mark.parametrize("secret", [b"", b"hunter2", bytes(range(256)) * 100])
def test_what_was_sealed_opens_in_its_place(vault: Vault, secret: bytes) -> None:
    assert vault.open(vault.seal(secret, **PLACE), **PLACE) == secret


def test_the_secret_is_not_in_what_is_stored_and_no_two_seals_are_alike(vault: Vault) -> None:
    first, second = (vault.seal(b"hunter2", **PLACE) for _ in range(2))
    assert b"hunter2" not in first
    assert first[5:] != second[5:]


@pytest.mark.parametrize("change", [{"row": "8"}, {"table": "tokens"}, {"field": "passphrase"}])
def test_a_secret_moved_elsewhere_does_not_open(vault: Vault, change: dict[str, str]) -> None:
    blob = vault.seal(b"hunter2", **PLACE)
    with pytest.raises(VaultError):
        vault.open(blob, **PLACE | change)


def test_places_whose_names_run_together_are_still_two(vault: Vault) -> None:
    blob = vault.seal(b"hunter2", table="a", row="bc", field="d")
    with pytest.raises(VaultError):
        vault.open(blob, table="ab", row="c", field="d")


def test_another_key_of_the_same_name_does_not_open(vault: Vault) -> None:
    with pytest.raises(VaultError):
        Vault({"old": NEW}, "old").open(vault.seal(b"hunter2", **PLACE), **PLACE)


def test_a_key_that_is_not_at_hand_is_told_as_such(vault: Vault) -> None:
    with pytest.raises(VaultError, match="keys at hand"):
        Vault({"new": NEW}, "new").open(vault.seal(b"hunter2", **PLACE), **PLACE)


def test_with_two_keys_the_old_secrets_open_and_new_ones_take_the_current_key(vault: Vault) -> None:
    both = Vault({"old": OLD, "new": NEW}, "new")
    assert both.open(vault.seal(b"hunter2", **PLACE), **PLACE) == b"hunter2"
    assert Vault({"new": NEW}, "new").open(both.seal(b"hunter2", **PLACE), **PLACE) == b"hunter2"


def test_no_byte_of_a_sealed_secret_can_be_changed(vault: Vault) -> None:
    blob = vault.seal(b"hunter2", **PLACE)
    for index in range(len(blob)):
        changed = bytearray(blob)
        changed[index] ^= 1
        with pytest.raises(VaultError):
            vault.open(bytes(changed), **PLACE)


def test_no_part_of_a_sealed_secret_can_be_cut_off(vault: Vault) -> None:
    blob = vault.seal(b"hunter2", **PLACE)
    for length in range(len(blob)):
        with pytest.raises(VaultError):
            vault.open(blob[:length], **PLACE)


@pytest.mark.parametrize(("keys", "current"), [({"old": b"short"}, "old"), ({"old": OLD}, "new"), ({}, "old")])
def test_a_master_key_is_32_bytes_and_the_current_one_is_at_hand(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(keys, current)


def test_neither_repr_nor_error_shows_a_key_or_a_secret(vault: Vault) -> None:
    shown = repr(vault) + str(vault)
    with pytest.raises(VaultError) as failed:
        Vault({"new": NEW}, "new").open(vault.seal(b"hunter2", **PLACE), **PLACE)
    shown += repr(failed.value) + str(failed.value.__context__)
    assert "hunter2" not in shown
    assert OLD.hex() not in shown
    assert repr(OLD) not in shown
