"""What went wrong on the way to an SSH connection, as a reason and a sentence."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import asyncssh

from runner.ssh.algorithms import Mismatch, Offer, explain_mismatches, find_mismatches, parse_offers
from runner.ssh.keys.keys import ClientKey
from runner.ssh.keys.known_hosts import Pins
from runner.ssh.keys.trust import HostKeyRefused, verify_host_key
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint
from runner.ssh.sign_in.greeting import explain_greeting
from runner.ssh.sign_in.refusals import explain_disconnect, explain_garbled, explain_loss, explain_refusal
from runner.ssh.sign_in.server_messages import show
from runner.ssh.sign_in.sign_in import SignIn


class ConnectionObserver(SignIn):
    """Remembers what the server showed, to tell one failure from another."""

    def __init__(
        self,
        host: str,
        credential: Credential | None = None,
        pins: Pins | None = None,
        *,
        key: ClientKey | None = None,
    ) -> None:
        super().__init__(credential, key)
        self.host = host
        self.untrusted: HostKeyRefused | None = None
        self._pins = pins
        self._link: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        super().connection_made(conn)
        self._link = conn
        if self._pins is not None:
            check = partial(self._check_host_key, self._pins, conn.validate_server_host_key)
            conn.validate_server_host_key = check  # type: ignore[method-assign]

    @property
    def mismatches(self) -> list[Mismatch]:
        """The kinds of algorithm of which both sides have none in common, as far as the server said what it has."""
        return [] if self._offers is None else find_mismatches(*self._offers)

    @property
    def host_key_algorithms(self) -> tuple[str, ...]:
        """What the server said that it can sign with."""
        return () if self._offers is None else self._offers[1].host_keys

    @property
    def _offers(self) -> tuple[Offer, Offer] | None:
        return None if self._link is None else parse_offers(self._link.get_hash_prefix())

    @property
    def has_greeted(self) -> bool:
        """Whether the server told its version, as every SSH server does first."""
        return self._link is not None and bool(self._link.get_extra_info("server_version"))

    def _check_host_key(self, pins: Pins, pass_on: Callable[[bytes], asyncssh.SSHKey], shown: bytes) -> asyncssh.SSHKey:
        """asyncssh alone would take a certificate that names nobody, and has no sentence for what is wrong with one."""
        try:
            key = verify_host_key(shown, pins)
        except HostKeyRefused as refused:
            self.untrusted = refused
            raise asyncssh.HostKeyNotVerifiable(refused.detail) from None
        return pass_on(shown) if shown == key.public_data else key


@contextmanager
def report_failure(
    endpoint: Endpoint, watch: ConnectionObserver, sock: socket.socket, seconds: float
) -> Iterator[None]:
    """Turn what asyncssh raises into ConnectFailed. The socket is ours until there is a connection."""
    try:
        yield
    except BaseException as error:
        sock.close()
        if not isinstance(error, Exception):
            raise
        raise _build_error(endpoint, watch, error, seconds) from None


def _build_error(endpoint: Endpoint, watch: ConnectionObserver, error: Exception, seconds: float) -> ConnectFailed:
    where = f"{endpoint.host} port {endpoint.port}"
    if watch.untrusted is not None:
        return ConnectFailed(watch.untrusted.reason, watch.untrusted.detail)
    # Of the type of host key only the server knows that there is none, and it just ends the connection then.
    if watch.mismatches:
        told = explain_mismatches(watch.mismatches)
        return ConnectFailed("UNREACHABLE", f"{where} and sshcast share no safe algorithm. {told}")
    is_late = isinstance(error, TimeoutError) or "Login timeout" in str(error)
    explained = _explain_what_it_said(endpoint, watch, error, seconds if is_late else None)
    if explained is not None:
        return explained
    if is_late:
        return _explain_late(watch, where, seconds)
    version = show(watch.greeting.version or "")
    advice = f"It is an SSH server ({version}): look at its log." if version else "Check that it is an SSH server."
    return ConnectFailed(
        "UNREACHABLE",
        f"The SSH handshake with {where} failed ({format_error(error)}). {advice}",
        passing=isinstance(error, OSError | asyncssh.ConnectionLost),
    )


def _explain_what_it_said(
    endpoint: Endpoint, watch: ConnectionObserver, error: Exception, waited: float | None
) -> ConnectFailed | None:
    """By its words, its version or what it sent instead, and its answers to our sign-in. None: it said nothing."""
    where = f"{endpoint.host} port {endpoint.port}"
    if watch.is_connected and watch.greeting.version is None:
        is_endless = isinstance(error, asyncssh.ProtocolError)
        return explain_greeting(watch.greeting, where, is_endless=is_endless, waited=waited)
    explained = explain_disconnect(endpoint, watch)
    if explained is not None:
        return explained
    if isinstance(error, asyncssh.PermissionDenied):
        return explain_refusal(endpoint, watch, error)
    if isinstance(error, asyncssh.ConnectionLost | ConnectionError):
        return explain_loss(endpoint, watch)
    if watch.has_begun and isinstance(error, asyncssh.ProtocolError):
        return explain_garbled(endpoint, format_error(error))
    if isinstance(error, asyncssh.ProtocolNotSupported):
        version = show(watch.greeting.version or "")
        return ConnectFailed(
            "UNREACHABLE", f"{where} speaks {version}, an SSH protocol that is not safe. Enable SSH 2 on that server."
        )
    return None


def _explain_late(watch: ConnectionObserver, where: str, seconds: float) -> ConnectFailed:
    what, advice = "accepted the connection", "Check that it is an SSH server, and its load."
    if watch.has_begun:
        what, advice = "is an SSH server", "Look at its load, and at what it asks when somebody signs in."
    return ConnectFailed(
        "UNREACHABLE",
        f"{where} {what}, but the SSH login was not done within {seconds:g} s (timeout). {advice}",
        passing=True,
    )


def format_error(error: Exception) -> str:
    """What the far side may have put into `error`, fit to show."""
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return text[:200] or type(error).__name__
