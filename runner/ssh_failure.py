"""What went wrong on the way to an SSH connection, as a reason and a sentence."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncssh

from runner.connection import ConnectFailed, Endpoint
from runner.ssh_keys import fingerprint, key_line


class Watch(asyncssh.SSHClient):
    """Remembers what the server showed, to tell one failure from another."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.offered: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = fingerprint(key_line(key))
        return False


@contextmanager
def told(endpoint: Endpoint, watch: Watch, sock: socket.socket, seconds: float) -> Iterator[None]:
    """Turn what asyncssh raises into ConnectFailed. The socket is ours until there is a connection."""
    try:
        yield
    except BaseException as error:
        sock.close()
        if not isinstance(error, Exception):
            raise
        raise _failure(endpoint, watch, error, seconds) from None


def _failure(endpoint: Endpoint, watch: Watch, error: Exception, seconds: float) -> ConnectFailed:
    where = f"{endpoint.host} port {endpoint.port}"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return _untrusted(endpoint, watch)
    if isinstance(error, asyncssh.PermissionDenied) or "authentication failures" in str(error):
        return ConnectFailed("AUTH_FAILED", _denied(endpoint))
    if isinstance(error, TimeoutError) or "Login timeout" in str(error):
        return ConnectFailed(
            "UNREACHABLE",
            f"{where} accepted the connection, but the SSH login was not done within {seconds:g} s (timeout). "
            "Check that it is an SSH server, and its load.",
            passing=True,
        )
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return ConnectFailed(
            "UNREACHABLE", f"{where} and sshcast share no safe algorithm ({plain(error)}). Update that SSH server."
        )
    return ConnectFailed(
        "UNREACHABLE",
        f"The SSH handshake with {where} failed ({plain(error)}). Check that it is an SSH server.",
        passing=isinstance(error, OSError | asyncssh.ConnectionLost),
    )


def _untrusted(endpoint: Endpoint, watch: Watch) -> ConnectFailed:
    offered = watch.offered or "a host certificate"
    if not endpoint.host_keys:
        return ConnectFailed(
            "HOST_KEY_UNKNOWN",
            f"No host key is pinned for this server. It offers {offered}: compare that with the server's own "
            "(ssh-keygen -l), then pin it.",
        )
    return ConnectFailed(
        "HOST_KEY_CHANGED",
        f"The host key differs from the pinned one: the server now offers {offered}. "
        "Someone may be in between, or it was set up anew; find out before you pin the new key.",
    )


def _denied(endpoint: Endpoint) -> str:
    what = {"password": "password", "key": "private key", "certificate": "certificate"}[endpoint.credential.kind]
    return f"The server refused authentication of {endpoint.username!r} by {what}. Check the user name and the {what}."


def plain(error: Exception) -> str:
    """What the far side may have put into `error`, fit to show."""
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return text[:200] or type(error).__name__
