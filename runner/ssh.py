"""The SSH client: connections with strict pinned host keys, and what was wrong when there is none.

Nothing of the service's own account is used: no ssh_config, known_hosts, agent, default keys or forwarding
(an ssh_config could turn host verification off and run commands on our machine).
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncssh

from runner.connection import (
    BadCredential,
    BadHostKey,
    ChannelRefused,
    ConnectFailed,
    Connection,
    ConnectTimeouts,
    Credential,
    Endpoint,
    Exit,
    OnOutput,
    Process,
)
from runner.dialing import dial
from runner.reach import USUAL, Reach
from runner.ssh_failure import Watch, plain, told
from runner.ssh_keys import (
    HOST_KEY_TYPES,
    RSA_SIGNATURES,
    SIGNATURES,
    check_credential,
    check_host_key,
    client_key,
    fingerprint,
    host_key,
    key_line,
)
from runner.ssh_process import SSHProcess

__all__ = [
    "BadCredential",
    "BadHostKey",
    "ChannelRefused",
    "ConnectFailed",
    "ConnectTimeouts",
    "Connection",
    "Credential",
    "Endpoint",
    "Exit",
    "Process",
    "check_credential",
    "check_host_key",
    "connect",
    "fingerprint",
    "scan_host_keys",
]

# aes128-gcm costs half the CPU of asyncssh's default chacha20, which is left out with CBC because of Terrapin.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
KEX = "-*sha1"
WINDOW_BYTES = 1024 * 1024
CLOSE_SECONDS = 5.0
TIMEOUTS = ConnectTimeouts()

# At INFO asyncssh logs the command line, which may hold a secret.
asyncssh.set_log_level(logging.WARNING)


async def connect(endpoint: Endpoint, *, timeouts: ConnectTimeouts = TIMEOUTS, within: Reach = USUAL) -> Connection:
    """Sign in to `endpoint`. Raises ConnectFailed, whose detail says what failed and what to do."""
    options = await _sign_in_options(endpoint)
    sock = await dial(endpoint.host, endpoint.port, seconds=timeouts.connect, within=within)
    watch = Watch(endpoint.host)
    with told(endpoint, watch, sock, timeouts.login):
        async with asyncio.timeout(timeouts.login):
            link = await asyncssh.connect(
                endpoint.host,
                endpoint.port,
                sock=sock,
                client_factory=lambda: watch,
                login_timeout=timeouts.login,
                **options,
            )
    return SSHConnection(link, channel_seconds=timeouts.channel)


async def scan_host_keys(host: str, port: int, timeout: float = 10.0, *, within: Reach = USUAL) -> list[str]:
    """The host keys that the server offers now, as "TYPE BASE64". Nothing vouches for them. Raises ConnectFailed."""
    lines: list[str] = []
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    for kind in HOST_KEY_TYPES:
        key = await _offered_key(host, port, kind, seconds=max(deadline - loop.time(), 0.1), within=within)
        if key is not None:
            lines.append(key_line(key))
    if not lines:
        raise ConnectFailed(
            "UNREACHABLE",
            f"{host} port {port} offers no host key of an accepted type ({', '.join(HOST_KEY_TYPES)}). "
            "Check that it is an SSH server.",
        )
    return lines


class SSHConnection:
    """See `runner.connection.Connection`: one TCP connection, as many channels as the server allows."""

    def __init__(self, link: asyncssh.SSHClientConnection, *, channel_seconds: float) -> None:
        self._link = link
        self._channel_seconds = channel_seconds
        self._spoilt = False

    @property
    def is_alive(self) -> bool:
        return not self._spoilt and not self._link.is_closed()

    async def start(
        self,
        command: str,
        *,
        on_output: OnOutput,
        on_closed: Callable[[Exit], None] | None = None,
        stdin: bytes | None = None,
    ) -> SSHProcess:
        process = SSHProcess(on_output=on_output, on_closed=on_closed)
        try:
            async with asyncio.timeout(self._channel_seconds):
                await self._link.create_session(lambda: process, command, encoding=None, window=WINDOW_BYTES)
        except (asyncssh.Error, OSError) as error:
            self._not_started(process, error)
        except BaseException:
            self._abandon(process)
            raise
        if stdin is not None:
            with suppress(BrokenPipeError):  # a command that is over already wants no input
                process.write(stdin)
                process.write_eof()
        return process

    async def close(self) -> None:
        self._link.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._link.wait_closed()
        except TimeoutError:
            self._link.abort()

    def _not_started(self, process: SSHProcess, error: Exception) -> None:
        """Raise when the command certainly did not start; else the process's exit tells that it was lost."""
        if not process.opened:
            self._abandon(process)
            raise ChannelRefused(f"The server opened no channel for the command ({plain(error)}).") from None
        if isinstance(error, asyncssh.ChannelOpenError) and not process.is_ended and self.is_alive:
            process.abort()
            raise ConnectFailed(
                "START_FAILED", "The server refused to run a command for this account. Check what sshd allows it."
            )
        process.abort()

    def _abandon(self, process: SSHProcess) -> None:
        """Asked for a channel and no longer waiting: its late answer would leave a channel open, so end with this."""
        if process.opened:
            process.abort()
        else:
            self._spoilt = True


async def _sign_in_options(endpoint: Endpoint) -> dict[str, Any]:
    """What both decides who we are, and pins who they are. Raises ConnectFailed."""
    try:
        pinned = [host_key(line) for line in endpoint.host_keys]
        # In a thread: opening an encrypted key takes a tenth of a second or more.
        is_password = endpoint.credential.kind == "password"
        key = None if is_password else await asyncio.to_thread(client_key, endpoint.credential)
    except BadHostKey as error:
        raise ConnectFailed("HOST_KEY_UNKNOWN", f"A pinned host key of this server cannot be read: {error}.") from None
    except BadCredential as error:
        raise ConnectFailed("AUTH_FAILED", f"The server's {error.field} {error.message}.") from None
    # Other key types are accepted for the handshake, so that a changed key is told from a broken server.
    kinds = list(dict.fromkeys([*(pin.algorithm.decode() for pin in pinned), *HOST_KEY_TYPES]))
    return dict(
        _transport_options(),
        username=endpoint.username,
        known_hosts=(pinned, [], []),
        server_host_key_algs=[name for kind in kinds for name in _signatures(kind)],
        client_keys=None if key is None else [key],
        password=endpoint.credential.secret if is_password else None,
        preferred_auth=["password", "keyboard-interactive"] if is_password else ["publickey"],
    )


def _transport_options() -> dict[str, Any]:
    return {
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "pkcs11_provider": None,
        "client_certs": (),
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": [],
        "gss_host": None,
        "host_based_auth": False,
        "disable_trivial_auth": True,
        "kex_algs": KEX,
        "encryption_algs": list(CIPHERS),
        "mac_algs": list(MACS),
        "signature_algs": list(SIGNATURES),
        "compression_algs": None,
        "request_pty": False,
        "send_env": None,
        "keepalive_interval": 15,
        "keepalive_count_max": 3,
    }


def _signatures(kind: str) -> tuple[str, ...]:
    return RSA_SIGNATURES if kind == "ssh-rsa" else (kind,)


async def _offered_key(host: str, port: int, kind: str, *, seconds: float, within: Reach) -> asyncssh.SSHKey | None:
    sock = await dial(host, port, seconds=seconds, within=within)
    nobody = Endpoint(0, host, port, "", (), Credential("password", ""))
    with told(nobody, Watch(host), sock, seconds):
        try:
            async with asyncio.timeout(seconds):
                return await asyncssh.get_server_host_key(
                    host, port, sock=sock, config=None, kex_algs=KEX, server_host_key_algs=list(_signatures(kind))
                )
        except TimeoutError:
            raise
        except (asyncssh.Error, OSError):
            # Its refusal may come as a reset of the connection; whether it speaks SSH at all, the other kinds tell.
            sock.close()
            return None
