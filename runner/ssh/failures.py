"""Explains failures on the way to an SSH connection, as a reason and a sentence."""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import asyncssh
from asyncssh.packet import SSHPacket

from runner.ssh.algorithms import Mismatch, Offer, explain_mismatches, find_mismatches, parse_offers
from runner.ssh.host_keys.pins import Pins
from runner.ssh.host_keys.trust import HostKeyRefused, read_shown_key, verify_host_key
from runner.ssh.jumps.tunnel import Tunnel
from runner.ssh.keys import ClientKey, HostKey, get_key_type, list_principals, load_host_key
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint
from runner.ssh.sign_in.greeting import Greeting, explain_greeting
from runner.ssh.sign_in.progress import ConnectProgress, SeenHostKey
from runner.ssh.sign_in.refusals import explain_disconnect, explain_garbled, explain_loss, explain_refusal
from runner.ssh.sign_in.server_messages import show
from runner.ssh.sign_in.sign_in import SignIn

Processed = bool | Awaitable[None]


class TurnedAway(ConnectFailed):
    """The server closed the connection before it sent its version."""


class ConnectionObserver(asyncssh.SSHClient):
    """Answers asyncssh's callbacks, and observes one connection attempt, so that failures can be told apart."""

    def __init__(
        self,
        host: str,
        credential: Credential | None = None,
        pins: Pins | None = None,
        *,
        key: ClientKey | None = None,
        progress: ConnectProgress | None = None,
    ) -> None:
        self.host = host
        self.sign_in = SignIn(credential, key_type=get_key_type(key), principals=list_principals(key))
        self.greeting = Greeting()
        self.untrusted: HostKeyRefused | None = None
        self._pins = pins
        self._link: asyncssh.SSHClientConnection | None = None
        self._progress = progress or ConnectProgress()

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Hook into the connection: asyncssh drops the text before the version, and partial successes."""
        self._link = conn
        self._progress.note_connected()
        conn.data_received = partial(self._read_greeting, conn, conn.data_received)  # type: ignore[method-assign]
        _register_methods(conn)
        conn.process_packet = partial(self._read_packet, conn.process_packet)  # type: ignore[method-assign]
        if self._pins is not None:
            check = partial(self._check_host_key, self._pins, conn.validate_server_host_key)
            conn.validate_server_host_key = check  # type: ignore[method-assign]

    def begin_auth(self, username: str) -> None:
        self._progress.note_exchanged()
        self.sign_in.begin()

    def auth_completed(self) -> None:
        """Remove the hook, so that output takes no detour."""
        if self._link is not None:
            vars(self._link).pop("process_packet", None)

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.sign_in.note_words(msg)

    def password_auth_requested(self) -> str | None:
        return self.sign_in.take_password()

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        self.sign_in.note_change_request(prompt)
        return NotImplemented

    def public_key_auth_requested(self) -> None:
        """Called when no key is left to try."""
        self.sign_in.note_no_key_left()

    def kbdint_auth_requested(self) -> str | None:
        return "" if self.sign_in.begin_prompts() else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str] | None:
        return self.sign_in.answer_prompts(f"{name} {instructions}", prompts)

    @property
    def mismatches(self) -> list[Mismatch]:
        """The kinds of algorithm without one in common, as far as the server named its own."""
        return [] if self._offers is None else find_mismatches(*self._offers)

    @property
    def host_key_algorithms(self) -> tuple[str, ...]:
        """The host key algorithms that the server offered."""
        return () if self._offers is None else self._offers[1].host_keys

    @property
    def _offers(self) -> tuple[Offer, Offer] | None:
        return None if self._link is None else parse_offers(self._link.get_hash_prefix())

    @property
    def has_greeted(self) -> bool:
        """True if the server sent its version, as every SSH server does first."""
        return self._link is not None and bool(self._link.get_extra_info("server_version"))

    def _read_greeting(
        self,
        conn: asyncssh.SSHClientConnection,
        pass_on: Callable[[bytes], None],
        data: bytes,
        datatype: object = None,
    ) -> None:
        self.greeting.feed(data)
        if self.greeting.version is not None:
            vars(conn).pop("data_received", None)
            _register_methods(conn)
        pass_on(data)

    def _read_packet(
        self, pass_on: Callable[[int, int, SSHPacket], Processed], kind: int, number: int, packet: SSHPacket
    ) -> Processed:
        self.sign_in.note_packet(kind, packet.get_remaining_payload())
        return pass_on(kind, number, packet)

    def _check_host_key(self, pins: Pins, pass_on: Callable[[bytes], asyncssh.SSHKey], shown: bytes) -> asyncssh.SSHKey:
        """Verify the host key ourselves: asyncssh accepts a certificate without names, and explains no mismatch."""
        try:
            key = verify_host_key(shown, pins)
        except HostKeyRefused as refused:
            self.untrusted = refused
            self._note_host_key(read_shown_key(shown), is_trusted=False)
            raise asyncssh.HostKeyNotVerifiable(refused.detail) from None
        self._note_host_key(key, is_trusted=True)
        return pass_on(shown) if shown == key.blob else load_host_key(key)

    def _note_host_key(self, key: HostKey | None, *, is_trusted: bool) -> None:
        if key is not None:
            self._progress.note_host_key(SeenHostKey(key.kind, key.fingerprint, is_trusted))


def _register_methods(conn: asyncssh.SSHClientConnection) -> None:
    """Give the transport the connection's methods as they are now: uvloop looks them up only here."""
    set_protocol = getattr(conn._transport, "set_protocol", None)  # a channel of a jump server has none
    if set_protocol is not None:
        set_protocol(conn)


@contextmanager
def report_failure(
    endpoint: Endpoint, watch: ConnectionObserver, way: socket.socket | Tunnel, seconds: float
) -> Iterator[None]:
    """Turn asyncssh's errors into ConnectFailed or TurnedAway. The socket is closed if there is no connection."""
    try:
        yield
    except BaseException as error:
        way.close()
        if not isinstance(error, Exception) or isinstance(error, ConnectFailed):
            raise
        failure = _build_error(endpoint, watch, error, seconds)
        if failure.passing and _is_early_end(watch, error):
            raise TurnedAway(failure.reason, failure.detail, passing=True) from None
        raise failure from None


def _is_early_end(watch: ConnectionObserver, error: Exception) -> bool:
    is_end = isinstance(error, asyncssh.ConnectionLost | OSError) and not isinstance(error, TimeoutError)
    return is_end and not watch.has_greeted


def _build_error(endpoint: Endpoint, watch: ConnectionObserver, error: Exception, seconds: float) -> ConnectFailed:
    where = f"{endpoint.host} port {endpoint.port}"
    if watch.untrusted is not None:
        return ConnectFailed(watch.untrusted.reason, watch.untrusted.detail)
    # Only the server knows when there is no host key type in common, and it just ends the connection then.
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
    """Explain by what the server sent: greeting, version, or replies to the sign-in. None if it sent nothing."""
    where = f"{endpoint.host} port {endpoint.port}"
    if watch.is_connected and watch.greeting.version is None:
        is_endless = isinstance(error, asyncssh.ProtocolError)
        return explain_greeting(watch.greeting, where, is_endless=is_endless, waited=waited)
    explained = explain_disconnect(endpoint, watch.sign_in)
    if explained is not None:
        return explained
    if isinstance(error, asyncssh.PermissionDenied):
        return explain_refusal(endpoint, watch.sign_in, error)
    if isinstance(error, asyncssh.ConnectionLost | ConnectionError):
        return explain_loss(endpoint, watch.sign_in)
    if watch.sign_in.has_begun and isinstance(error, asyncssh.ProtocolError):
        return explain_garbled(endpoint, format_error(error))
    if isinstance(error, asyncssh.ProtocolNotSupported):
        version = show(watch.greeting.version or "")
        return ConnectFailed(
            "UNREACHABLE", f"{where} speaks {version}, an SSH protocol that is not safe. Enable SSH 2 on that server."
        )
    return None


def _explain_late(watch: ConnectionObserver, where: str, seconds: float) -> ConnectFailed:
    what, advice = "accepted the connection", "Check that it is an SSH server, and its load."
    if watch.sign_in.has_begun:
        what, advice = "is an SSH server", "Look at its load, and at what it asks when somebody signs in."
    return ConnectFailed(
        "UNREACHABLE",
        f"{where} {what}, but the SSH login was not done within {seconds:g} s (timeout). {advice}",
        passing=True,
    )


def format_error(error: Exception) -> str:
    """Return the error's text, printable and bounded: parts of it may come from the far side."""
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return text[:200] or type(error).__name__
