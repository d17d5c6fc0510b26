"""Credentials and host keys are checked before they are stored, and never shown."""

from pathlib import Path

import pytest

from runner.ssh.client import (
    BadCredential,
    BadHostKey,
    Credential,
    Endpoint,
    check_credential,
    check_host_key,
    fingerprint,
)
from tests.support.targets import make_key, public_line, sign


def complaint(credential: Credential) -> BadCredential:
    with pytest.raises(BadCredential) as bad:
        check_credential(credential)
    return bad.value


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_private_key_is_accepted(tmp_path: Path, kind: str) -> None:
    check_credential(Credential("key", make_key(tmp_path / "key", kind=kind)))


def test_a_password_is_accepted_unless_it_is_empty() -> None:
    check_credential(Credential("password", "x"))
    assert complaint(Credential("password", "")).field == "password"


@pytest.mark.parametrize(
    "text", ["", "nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"]
)
def test_an_unreadable_key_is_the_keys_fault(text: str) -> None:
    assert complaint(Credential("key", text)).field == "private_key"


def test_a_public_key_is_not_taken_for_a_private_one(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert complaint(Credential("key", public_line(tmp_path / "key"))).field == "private_key"


@pytest.mark.parametrize("options", [[], ["-m", "PKCS8"]])
def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path, options: list[str]) -> None:
    secret = make_key(tmp_path / "key", *options, passphrase="open sesame", kind="ecdsa")
    check_credential(Credential("key", secret, "open sesame"))
    assert complaint(Credential("key", secret, "wrong")).field == "passphrase"
    missing = complaint(Credential("key", secret))
    assert (missing.field, "needed" in missing.message) == ("passphrase", True)


def test_a_certificate_must_be_of_this_key_and_in_time(tmp_path: Path) -> None:
    key, other = make_key(tmp_path / "key"), make_key(tmp_path / "other")
    make_key(tmp_path / "ca")
    certificate = sign(tmp_path / "key", tmp_path / "ca", principal="me")
    check_credential(Credential("certificate", key, certificate=certificate))
    assert "another" in complaint(Credential("certificate", other, certificate=certificate)).message
    assert complaint(Credential("certificate", key, certificate="x")).field == "certificate"
    assert complaint(Credential("certificate", key)).field == "certificate"
    expired = sign(tmp_path / "key", tmp_path / "ca", principal="me", validity="-2h:-1h")
    assert "expired" in complaint(Credential("certificate", key, certificate=expired)).message


def test_host_keys_are_a_type_and_base64(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    line = public_line(tmp_path / "key")
    check_host_key(line)
    check_host_key(line + " a comment")
    kind, text = line.split()
    bad = ["", kind, f"{kind} ???", f"{kind} {text[:-8]}", f"ssh-rsa {text}", f"ssh-dss {text}", f"host {line}"]
    for wrong in [*bad, f"{line}\n{line}"]:
        with pytest.raises(BadHostKey):
            check_host_key(wrong)


def test_a_fingerprint_is_the_one_that_ssh_keygen_shows() -> None:
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    assert fingerprint(line) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_no_repr_shows_a_secret() -> None:
    credential = Credential("key", "s3cret-key", "s3cret-pass", "s3cret-cert")
    endpoint = Endpoint(1, "host", 22, "me", (), credential)
    assert "s3cret" not in repr(credential) + str(endpoint) + repr(endpoint)
