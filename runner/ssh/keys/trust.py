"""Whether the host key or host certificate that a server shows is that of the server, and if not, why."""

from collections.abc import Sequence

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate, decode_ssh_certificate, decode_ssh_public_key

from runner.ssh.algorithms import read_string
from runner.ssh.keys.known_hosts import Pins
from runner.ssh.protocol import FailedReason

CERT_TYPE_HOST = 2
CERTIFICATE_TYPES = (
    *(f"{kind}-cert-v01@openssh.com" for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384")),
    *(f"{kind}-cert-v01@openssh.com" for kind in ("ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256")),
)
FIND_OUT = "Someone may be in between, or it was set up anew; find out before you pin anything new."
RENEW = "Have its host key signed again by the authority."


class HostKeyRefused(Exception):
    """Nothing that was shown is trusted. `detail` is a sentence for people."""

    def __init__(self, reason: FailedReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: FailedReason = reason
        self.detail = detail


def verify_host_key(shown: bytes, pins: Pins) -> asyncssh.SSHKey:
    """The key that has to sign this connection: pinned, or certified by a pinned authority. Raises HostKeyRefused."""
    try:
        certificate = decode_ssh_certificate(shown)
    except asyncssh.KeyImportError:
        return _check_key(_decode_key(shown), pins)
    if not isinstance(certificate, SSHOpenSSHCertificate):
        raise HostKeyRefused("HOST_KEY_UNKNOWN", "The server shows an X.509 certificate, which is not taken.")
    return _check_certificate(certificate, pins)


def _describe_keys(keys: Sequence[asyncssh.SSHKey]) -> str:
    """Each one's type and fingerprint, as `ssh-keygen -l` shows them."""
    return ", ".join(f"{key.algorithm.decode()} {key.get_fingerprint()}" for key in keys)


def _decode_key(shown: bytes) -> asyncssh.SSHKey:
    try:
        return decode_ssh_public_key(shown)
    except asyncssh.KeyImportError:
        raise HostKeyRefused("HOST_KEY_UNKNOWN", "The server shows a host key that cannot be read.") from None


def _check_key(key: asyncssh.SSHKey, pins: Pins) -> asyncssh.SSHKey:
    _check_revoked(key, "host key", pins)
    if key in pins.keys:
        return key
    offered = _describe_keys([key])
    if pins.keys:
        raise HostKeyRefused(
            "HOST_KEY_CHANGED",
            f"The host key differs from the pinned one: pinned is {_describe_keys(pins.keys)}; "
            f"the server now offers {offered}. {FIND_OUT}",
        )
    if pins.authorities:
        raise HostKeyRefused(
            "HOST_KEY_UNKNOWN",
            f"The server offers {offered} without a certificate, and pinned is only the authority "
            f"{_describe_keys(pins.authorities)}. {RENEW}",
        )
    raise HostKeyRefused(
        "HOST_KEY_UNKNOWN",
        f"No host key is pinned for this server. It offers {offered}: compare that with the server's own "
        "(ssh-keygen -l), then pin it.",
    )


def _check_certificate(certificate: SSHOpenSSHCertificate, pins: Pins) -> asyncssh.SSHKey:
    key, signer = certificate.key, certificate.signing_key
    _check_revoked(signer, "authority", pins)
    _check_revoked(key, "host key", pins)
    if signer not in pins.authorities:
        if key in pins.keys:
            return key
        raise HostKeyRefused(
            "HOST_KEY_CHANGED",
            f"The server's host certificate is signed by another authority: pinned is "
            f"{_describe_keys(pins.authorities)}; it is signed by {_describe_keys([signer])}. {FIND_OUT}",
        )
    _check_kind_and_time(certificate)
    _check_names(certificate.principals, pins.names)
    if _read_signature_algorithm(certificate.public_data) == "ssh-rsa":
        raise HostKeyRefused("HOST_KEY_UNKNOWN", f"The server's host certificate is signed with SHA-1. {RENEW}")
    return key


def _check_revoked(key: asyncssh.SSHKey, what: str, pins: Pins) -> None:
    if key in pins.revoked:
        raise HostKeyRefused(
            "HOST_KEY_CHANGED",
            f"The server shows the {what} {_describe_keys([key])}, which is revoked for it (@revoked). {FIND_OUT}",
        )


def _check_kind_and_time(certificate: SSHOpenSSHCertificate) -> None:
    try:
        certificate.validate(CERT_TYPE_HOST, None)
    except ValueError as error:
        if "type" in str(error):
            raise HostKeyRefused(
                "HOST_KEY_CHANGED", f"The server shows a user certificate in place of a host certificate. {FIND_OUT}"
            ) from None
        when = "is not valid yet" if "not yet" in str(error) else "has expired"
        raise HostKeyRefused(
            "HOST_KEY_UNKNOWN", f"The server's host certificate {when}. Check the clocks of both. {RENEW}"
        ) from None


def _check_names(principals: Sequence[str], names: Sequence[str]) -> None:
    """asyncssh and ssh(1) take a certificate without names for any server; here that is nobody's."""
    if not set(names).isdisjoint(principals):
        return
    shown = "".join(char if char.isprintable() else "?" for char in ", ".join(principals)[:1000]) or "nobody"
    raise HostKeyRefused(
        "HOST_KEY_CHANGED",
        f"The server's host certificate is for {shown}, not for {' or '.join(names)}. "
        "If that is another name of this server, set it as hostKeyAlias.",
    )


def _read_signature_algorithm(certificate: bytes) -> str:
    """How the authority signed: see PROTOCOL.certkeys of OpenSSH for the fields."""
    kind, at = read_string(certificate, 0)
    strings = 2 if kind.startswith(b"ssh-ed25519") else 3  # a nonce, and the public key in one or two parts
    for _ in range(strings):
        _, at = read_string(certificate, at)
    at += 12  # serial, type
    for _ in range(2):  # the key's id, principals
        _, at = read_string(certificate, at)
    at += 16  # from, until
    for _ in range(4):  # options, extensions, reserved, the authority
        _, at = read_string(certificate, at)
    signature, _ = read_string(certificate, at)
    return read_string(signature, 0)[0].decode("ascii", "replace")
