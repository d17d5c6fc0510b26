"""Parses and checks keys and certificates, and computes fingerprints.

A server's keys leave this file as plain data; asyncssh's own key objects go to the client alone.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate, decode_ssh_certificate, decode_ssh_public_key

from runner.ssh.algorithms import HOST_KEY_TYPES
from runner.ssh.protocol import BadCredential, BadHostKey, Credential
from runner.ssh.sign_in import key_text

CERT_TYPE_USER, CERT_TYPE_HOST = 1, 2

# English and Chinese text, to follow the field's name.
WRONG_PASSPHRASE = ("does not open this private key", "无法打开此私钥。")
NO_PASSPHRASE = ("is needed: the private key is encrypted", "必须提供：该私钥已加密。")
CIPHER = ("is encrypted in a way that this installation cannot read", "的加密方式无法被此安装读取。")
UNREADABLE = (
    "cannot be read: part of it is missing or changed. Copy the whole file, and use an OpenSSH or PEM private key",
    "无法读取：内容缺失或被改动。请完整复制文件，并使用 OpenSSH 或 PEM 格式的私钥。",
)

ClientKey = asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]

CertificateFlaw = Literal["kind", "early", "late"]
"""Why a certificate certifies no host: it is for users, is not valid yet, or has expired."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key. `blob` holds its fields as SSH sends them, the type included (RFC 4253 section 6.6)."""

    kind: str
    blob: bytes

    def __str__(self) -> str:
        """The key as "TYPE BASE64"."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `SHA256:...`, the form of `ssh-keygen -l`."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip('=')}"


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A host certificate as the server sent it (`blob`). `flaw` is why it certifies no host now, if so."""

    key: HostKey
    authority: HostKey
    principals: tuple[str, ...]
    flaw: CertificateFlaw | None
    blob: bytes


class X509Certificate(ValueError):
    """The server sent an X.509 certificate, not OpenSSH's kind."""


def check_credential(credential: Credential) -> None:
    """Raise BadCredential if this could never sign in: unreadable key, wrong passphrase, another key's certificate."""
    if credential.kind == "password":
        if not credential.secret:
            raise BadCredential("password", "must not be empty")
        return
    parse_client_key(credential)


def parse_client_key(credential: Credential) -> ClientKey:
    """Return the private key, with its certificate if there is one. Raises BadCredential. Slow (key derivation)."""
    key = _parse_private_key(credential)
    if credential.kind != "certificate":
        return key
    return key, _parse_certificate(credential, key)


def get_key_type(key: ClientKey | None) -> str:
    """Return the key's type, "" without a key."""
    private = key[0] if isinstance(key, tuple) else key
    return "" if private is None else private.algorithm.decode()


def list_principals(key: ClientKey | None) -> tuple[str, ...]:
    """Return the principals of the certificate; () without one, and for one that is valid for any."""
    certificate = key[1] if isinstance(key, tuple) else None
    return tuple(certificate.principals) if isinstance(certificate, SSHOpenSSHCertificate) else ()


def check_host_key(line: str) -> None:
    """Raise BadHostKey unless `line` is "TYPE BASE64" (a comment may follow) of an accepted type."""
    parse_host_key(line)


def parse_host_key(line: str) -> HostKey:
    """Return the key of a line "TYPE BASE64". Raises BadHostKey."""
    words = line.split()
    if "\n" in line.strip() or len(words) < 2:
        raise BadHostKey('a host key is one line "TYPE BASE64", as ssh-keyscan prints it after the host name')
    if words[0] not in HOST_KEY_TYPES:
        raise BadHostKey(f"{words[0][:40]!r} is not an accepted host key type; use {', '.join(HOST_KEY_TYPES)}")
    try:
        base64.b64decode(words[1], validate=True)
        key = asyncssh.import_public_key(" ".join(words[:2]))
    except ValueError:  # KeyImportError and binascii.Error are subclasses; for text that is not ASCII it is ValueError
        raise BadHostKey(f"the text after {words[0]} is not a key in base64; copy the whole line") from None
    if key.algorithm.decode() != words[0]:
        raise BadHostKey(f"the key is of type {key.algorithm.decode()}, not {words[0]}")
    return extract_public_part(key)


def decode_shown_key(shown: bytes) -> HostKey | HostCertificate:
    """Decode the key or certificate that a server sent in the key exchange. Raises BadHostKey and X509Certificate."""
    try:
        certificate = decode_ssh_certificate(shown)
    except asyncssh.KeyImportError:
        return _decode_bare_key(shown)
    if not isinstance(certificate, SSHOpenSSHCertificate):
        raise X509Certificate
    return HostCertificate(
        key=extract_public_part(certificate.key),
        authority=extract_public_part(certificate.signing_key),
        principals=tuple(certificate.principals),
        flaw=_find_flaw(certificate),
        blob=certificate.public_data,
    )


def extract_public_part(key: asyncssh.SSHKey) -> HostKey:
    return HostKey(key.algorithm.decode(), key.public_data)


def load_host_key(key: HostKey) -> asyncssh.SSHKey:
    """Return the key as asyncssh's object, which verifies signatures."""
    return decode_ssh_public_key(key.blob)


def fingerprint(line: str) -> str:
    """Return the fingerprint as `SHA256:...`, the form of `ssh-keygen -l`. Raises BadHostKey."""
    return parse_host_key(line).fingerprint


def _decode_bare_key(shown: bytes) -> HostKey:
    try:
        return extract_public_part(decode_ssh_public_key(shown))
    except asyncssh.KeyImportError:
        raise BadHostKey from None


def _find_flaw(certificate: SSHOpenSSHCertificate) -> CertificateFlaw | None:
    try:
        certificate.validate(CERT_TYPE_HOST, None)
    except ValueError as error:
        if "type" in str(error):
            return "kind"
        return "early" if "not yet" in str(error) else "late"
    return None


def _parse_private_key(credential: Credential) -> asyncssh.SSHKey:
    text = key_text.restore_key(credential.secret)
    try:
        key = asyncssh.import_private_key(text, credential.passphrase or None)
    except asyncssh.KeyEncryptionError as error:
        if "requires" in str(error):
            raise BadCredential("private_key", *CIPHER) from None
        raise BadCredential("passphrase", *WRONG_PASSPHRASE) from None
    except asyncssh.KeyImportError as error:
        if "assphrase" in str(error):
            raise BadCredential("passphrase", *NO_PASSPHRASE) from None
        if "ENCRYPTED" in text:  # PEM has no check of its own: a wrong passphrase decrypts to garbage
            raise BadCredential("passphrase", *WRONG_PASSPHRASE) from None
        raise BadCredential("private_key", *UNREADABLE) from None
    if key.algorithm.decode() not in HOST_KEY_TYPES:
        kind = key.algorithm.decode()
        raise BadCredential(
            "private_key",
            f"is of type {kind}; use Ed25519, ECDSA or RSA",
            f"的类型为 {kind}：请使用 Ed25519、ECDSA 或 RSA。",
        )
    return key


def _parse_certificate(credential: Credential, key: asyncssh.SSHKey) -> asyncssh.SSHCertificate:
    try:
        certificate = asyncssh.import_certificate(credential.certificate or "")
    except ValueError:
        raise BadCredential("certificate", "cannot be read; paste the -cert.pub file that the CA signed") from None
    if not isinstance(certificate, SSHOpenSSHCertificate):
        raise BadCredential("certificate", "is an X.509 certificate; an OpenSSH user certificate is needed")
    if certificate.key.public_data != key.public_data:
        raise BadCredential("certificate", "belongs to another private key")
    try:
        certificate.validate(CERT_TYPE_USER, None)
    except ValueError as error:
        raise BadCredential("certificate", f"is not usable ({error}); have a user certificate signed again") from None
    return certificate
