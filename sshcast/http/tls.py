"""TLS of the listener: its certificate and key come from files, which are read again when they change."""

import asyncio
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509

from runner.log import get_logger

CHECK_SECONDS = 3.0
CERTIFICATE, KEY = "SSHCAST_TLS_CERT", "SSHCAST_TLS_KEY"

log = get_logger()


class CertificateRefused(Exception):
    """The certificate or its key cannot be used; the message names the setting and the file, and says what to do."""


class _KeyEncrypted(Exception):
    """The key needs a passphrase."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A chain of certificates, the server's own first, and the key of that one; both PEM."""

    certificate: Path
    key: Path

    def read_state(self) -> tuple[object, ...]:
        """Return what differs once a file was replaced or written to, also where a link leads elsewhere by now."""
        return tuple(_read_state(path) for path in (self.certificate, self.key))


class LiveCertificate:
    """The certificate with which the listener answers: always a pair that fits, the newest that could be read.

    A changed pair is loaded into a context of its own and then takes the other's place for new connections. Loading it
    into the context in use would leave that with a new certificate and an old key where the new key is broken.
    """

    def __init__(self, files: CertificateFiles, *, check_seconds: float = CHECK_SECONDS) -> None:
        """Load the pair; raise CertificateRefused if it cannot be used."""
        self._files = files
        self._check_seconds = check_seconds
        self._state = files.read_state()
        self.context = self._current = _load(files)
        self.context.sni_callback = self._choose

    def provide(self, *_: Any) -> ssl.SSLContext:
        """Return the context to listen with, as uvicorn asks for it."""
        return self.context

    @asynccontextmanager
    async def reloading(self) -> AsyncIterator[None]:
        """Look at the files every few seconds while the block runs."""
        task = asyncio.create_task(self._watch(), name="reload the certificate")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            await asyncio.to_thread(self._reload_changed)

    def _reload_changed(self) -> None:
        """Use changed files; keep what there was where they are broken or fit only once the other is written too."""
        state = self._files.read_state()
        if state == self._state:
            return
        self._state = state
        try:
            self._current = _load(self._files)
        except CertificateRefused as error:
            log.warning("the certificate was not reloaded: the one before stays in use", reason=str(error))
        else:
            log.info("certificate reloaded", file=str(self._files.certificate))

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called back in each handshake, whether or not the client names a host."""
        connection.context = self._current


def _read_state(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _load(files: CertificateFiles) -> ssl.SSLContext:
    """Return a context with the pair; raise CertificateRefused. What is doubtful is logged."""
    own = _read_certificate(files.certificate)
    _read(KEY, files.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, _refuse_passphrase)
    except _KeyEncrypted:
        raise CertificateRefused(
            f"{KEY}: {files.key} is encrypted, and nobody is there to type its passphrase: write it without one, such "
            f"as by `openssl pkey -in {files.key} -out plain.key`, readable by the service's user only"
        ) from None
    except OSError as error:  # ssl.SSLError is one
        raise CertificateRefused(_explain(error, files)) from None
    _warn_of_dates(own, files.certificate)
    _warn_of_mode(files.key)
    return context


def _refuse_passphrase() -> NoReturn:
    raise _KeyEncrypted


def _read_certificate(path: Path) -> x509.Certificate:
    data = _read(CERTIFICATE, path)
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError:
        raise CertificateRefused(
            f"{CERTIFICATE}: {path} holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----"
        ) from None


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateRefused(
            f"{setting}: {path} cannot be read ({error.strerror}): name a file that the service's user may read"
        ) from None


def _explain(error: OSError, files: CertificateFiles) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    if reason == "KEY_VALUES_MISMATCH":
        return (
            f"{KEY}: {files.key} is not the key of the first certificate in {files.certificate}: name the two that "
            "belong together; in the certificate's file, the server's own comes before those of its issuers"
        )
    if reason == "NO_START_LINE" or "PEM lib" in reason or "PEM_LIB" in reason:
        return f"{KEY}: {files.key} holds no private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----"
    return f"{CERTIFICATE}: {files.certificate} with {files.key} cannot be used: {reason}"


def _warn_of_dates(own: x509.Certificate, path: Path) -> None:
    now = datetime.now(UTC)
    if own.not_valid_after_utc < now:
        log.warning("the certificate has expired: clients refuse it", file=str(path), at=str(own.not_valid_after_utc))
    if own.not_valid_before_utc > now:
        log.warning("the certificate is not valid yet", file=str(path), at=str(own.not_valid_before_utc))


def _warn_of_mode(key: Path) -> None:
    if key.stat().st_mode & stat.S_IRWXO:
        log.warning("every user of this machine may read the TLS key: chmod o= it", file=str(key))
