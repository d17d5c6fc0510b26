"""Verifies a server's host key or host certificate against its pins, and explains a mismatch."""

from collections.abc import Sequence

from runner.ssh.algorithms import read_string
from runner.ssh.host_keys.pins import Pins
from runner.ssh.keys import HostCertificate, HostKey, X509Certificate, decode_shown_key
from runner.ssh.protocol import BadHostKey, FailedReason

CERTIFICATE_TYPES = (
    *(f"{kind}-cert-v01@openssh.com" for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384")),
    *(f"{kind}-cert-v01@openssh.com" for kind in ("ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256")),
)
FIND_OUT = "Someone may be in between, or it was set up anew; find out before you pin anything new."
RENEW = "Have its host key signed again by the authority."


class HostKeyRefused(Exception):
    """The server offered no host key or certificate that is trusted. `detail` is a sentence for people."""

    def __init__(self, reason: FailedReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: FailedReason = reason
        self.detail = detail


def verify_host_key(shown: bytes, pins: Pins) -> HostKey:
    """Return the key that must sign this connection: pinned, or certified by a pinned authority.

    Raises HostKeyRefused.
    """
    try:
        decoded = decode_shown_key(shown)
    except X509Certificate:
        raise HostKeyRefused("HOST_KEY_UNKNOWN", "The server shows an X.509 certificate, which is not taken.") from None
    except BadHostKey:
        raise HostKeyRefused("HOST_KEY_UNKNOWN", "The server shows a host key that cannot be read.") from None
    if isinstance(decoded, HostCertificate):
        return _check_certificate(decoded, pins)
    return _check_key(decoded, pins)


def read_shown_key(shown: bytes) -> HostKey | None:
    """Return the key that a server shows, of a certificate its own key; None if it cannot be read."""
    try:
        decoded = decode_shown_key(shown)
    except (BadHostKey, X509Certificate):
        return None
    return decoded.key if isinstance(decoded, HostCertificate) else decoded


def _describe_keys(keys: Sequence[HostKey]) -> str:
    """Return the type and fingerprint of each key, in the form of `ssh-keygen -l`."""
    return ", ".join(f"{key.kind} {key.fingerprint}" for key in keys)


def _check_key(key: HostKey, pins: Pins) -> HostKey:
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


def _check_certificate(certificate: HostCertificate, pins: Pins) -> HostKey:
    key, signer = certificate.key, certificate.authority
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
    if _read_signature_algorithm(certificate.blob) == "ssh-rsa":
        raise HostKeyRefused("HOST_KEY_UNKNOWN", f"The server's host certificate is signed with SHA-1. {RENEW}")
    return key


def _check_revoked(key: HostKey, what: str, pins: Pins) -> None:
    if key in pins.revoked:
        raise HostKeyRefused(
            "HOST_KEY_CHANGED",
            f"The server shows the {what} {_describe_keys([key])}, which is revoked for it (@revoked). {FIND_OUT}",
        )


def _check_kind_and_time(certificate: HostCertificate) -> None:
    if certificate.flaw == "kind":
        raise HostKeyRefused(
            "HOST_KEY_CHANGED", f"The server shows a user certificate in place of a host certificate. {FIND_OUT}"
        )
    if certificate.flaw is not None:
        when = "is not valid yet" if certificate.flaw == "early" else "has expired"
        raise HostKeyRefused(
            "HOST_KEY_UNKNOWN", f"The server's host certificate {when}. Check the clocks of both. {RENEW}"
        )


def _check_names(principals: Sequence[str], names: Sequence[str]) -> None:
    """Raise HostKeyRefused unless the certificate names the server.

    asyncssh and ssh(1) accept a certificate without names for any server; here it is accepted for none.
    """
    if not set(names).isdisjoint(principals):
        return
    shown = "".join(char if char.isprintable() else "?" for char in ", ".join(principals)[:1000]) or "nobody"
    raise HostKeyRefused(
        "HOST_KEY_CHANGED",
        f"The server's host certificate is for {shown}, not for {' or '.join(names)}. "
        "If that is another name of this server, set it as hostKeyAlias.",
    )


def _read_signature_algorithm(certificate: bytes) -> str:
    """Return the algorithm of the authority's signature. See PROTOCOL.certkeys of OpenSSH for the fields."""
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
