"""Keys and certificates: read, checked, and named by their fingerprints."""

import base64

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate

from runner.ssh.algorithms import HOST_KEY_TYPES
from runner.ssh.keys import key_text
from runner.ssh.protocol import BadCredential, BadHostKey, Credential

CERT_TYPE_USER = 1

# In English and in Chinese, after the field's name.
WRONG_PASSPHRASE = ("does not open this private key", "无法打开此私钥。")
NO_PASSPHRASE = ("is needed: the private key is encrypted", "必须提供：该私钥已加密。")
CIPHER = ("is encrypted in a way that this installation cannot read", "的加密方式无法被此安装读取。")
UNREADABLE = (
    "cannot be read: part of it is missing or changed. Copy the whole file, and use an OpenSSH or PEM private key",
    "无法读取：内容缺失或被改动。请完整复制文件，并使用 OpenSSH 或 PEM 格式的私钥。",
)

ClientKey = asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]


def check_credential(credential: Credential) -> None:
    """Raises BadCredential when this could never sign in: unreadable key, wrong passphrase, foreign certificate."""
    if credential.kind == "password":
        if not credential.secret:
            raise BadCredential("password", "must not be empty")
        return
    parse_client_key(credential)


def parse_client_key(credential: Credential) -> ClientKey:
    """The private key, with its certificate if there is one. Raises BadCredential. Slow (key derivation)."""
    key = _parse_private_key(credential)
    if credential.kind != "certificate":
        return key
    return key, _parse_certificate(credential, key)


def check_host_key(line: str) -> None:
    """Raises BadHostKey unless `line` is "TYPE BASE64" (a comment may follow) of an accepted type."""
    parse_host_key(line)


def parse_host_key(line: str) -> asyncssh.SSHKey:
    """The key of a line "TYPE BASE64". Raises BadHostKey."""
    words = line.split()
    if "\n" in line.strip() or len(words) < 2:
        raise BadHostKey('a host key is one line "TYPE BASE64", as ssh-keyscan prints it after the host name')
    if words[0] not in HOST_KEY_TYPES:
        raise BadHostKey(f"{words[0][:40]!r} is not an accepted host key type; use {', '.join(HOST_KEY_TYPES)}")
    try:
        base64.b64decode(words[1], validate=True)
        key = asyncssh.import_public_key(" ".join(words[:2]))
    except ValueError:  # KeyImportError and binascii.Error are such, and what is not ASCII gives a plain one
        raise BadHostKey(f"the text after {words[0]} is not a key in base64; copy the whole line") from None
    if key.algorithm.decode() != words[0]:
        raise BadHostKey(f"the key is of type {key.algorithm.decode()}, not {words[0]}")
    return key


def format_key(key: asyncssh.SSHKey) -> str:
    """ "TYPE BASE64" of the public part."""
    return f"{key.algorithm.decode()} {base64.b64encode(key.public_data).decode()}"


def fingerprint(line: str) -> str:
    """As `SHA256:...`, the form that ssh-keygen -l shows. Raises BadHostKey."""
    return parse_host_key(line).get_fingerprint()


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
        if "ENCRYPTED" in text:  # PEM has no check of its own: a wrong passphrase gives rubbish
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
