"""Our side of a sign-in: what is answered to the server, and what it said on the way.

The password goes out at most once a connection: by the `password` method, or to the one hidden prompt of a round of
`keyboard-interactive`. It is not given to a prompt once the server has refused it or has accepted anything, nor to one
that speaks of a code or of a new password: a server that counts failures would lock the account for our guesses.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import asyncssh
from asyncssh.constants import MSG_DISCONNECT, MSG_EXT_INFO, MSG_USERAUTH_FAILURE
from asyncssh.packet import PacketDecodeError, SSHPacket
from asyncssh.public_key import SSHOpenSSHCertificate

from runner.ssh.keys.keys import ClientKey
from runner.ssh.protocol import Credential
from runner.ssh.sign_in.greeting import Greeting
from runner.ssh.sign_in.server_messages import speaks_of_change, speaks_of_code

MOST_SAID = 2000

Prompts = list[tuple[str, bool]]
Processed = bool | Awaitable[None]


class SignIn(asyncssh.SSHClient):
    """What the server showed and asked for during one sign-in, to tell one failure from another.

    `methods`: those that it named first, `methods_left` last. `accepted`: it took the credential and wants more.
    `signatures`: the algorithms that it takes signatures by, None while it has named none. `asked`: what it asked for
    and was not told. `disconnect`: the code and the words with which it ended the connection.
    """

    def __init__(self, credential: Credential | None = None, key: ClientKey | None = None) -> None:
        self.greeting = Greeting()
        self.is_connected = False
        self.has_begun = False
        self.methods: tuple[str, ...] = ()
        self.methods_left: tuple[str, ...] = ()
        self.failures = 0
        self.accepted = False
        self.password_refused = False
        self.key_untried = False
        self.wants_change = False
        self.signatures: frozenset[str] | None = None
        self.asked = ""
        self.asks_code = False
        self.disconnect: tuple[int, str] | None = None
        self._early = ""
        self._late = ""
        self._credential = credential
        self._key = key
        self._connection: asyncssh.SSHClientConnection | None = None
        self._password_out = False
        self._password_sent = False
        self._prompted = False

    @property
    def banner(self) -> str:
        """What it said before it was told who we are, as most servers greet everybody."""
        return self._early

    @property
    def reply(self) -> str:
        """What it said to our credential."""
        return self._late

    @property
    def secret(self) -> str | None:
        """The password that it was told: it must not be shown where the server repeats it."""
        return self._credential.secret if self._is_password and self._credential else None

    @property
    def key_type(self) -> str:
        """Of the key that it is shown, empty without one."""
        key = self._key[0] if isinstance(self._key, tuple) else self._key
        return "" if key is None else key.algorithm.decode()

    @property
    def principals(self) -> tuple[str, ...]:
        """Whom the certificate is for; empty without one, and where it is for anybody."""
        certificate = self._key[1] if isinstance(self._key, tuple) else None
        return tuple(certificate.principals) if isinstance(certificate, SSHOpenSSHCertificate) else ()

    @property
    def _is_password(self) -> bool:
        return self._credential is not None and self._credential.kind == "password"

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """asyncssh skips what comes before the version, and that a server has accepted a part: so we read along."""
        self.is_connected, self._connection = True, conn
        conn.data_received = partial(self._read_greeting, conn.data_received)  # type: ignore[method-assign]
        conn.process_packet = partial(self._read_packet, conn.process_packet)  # type: ignore[method-assign]

    def begin_auth(self, username: str) -> None:
        self.has_begun = True

    def auth_completed(self) -> None:
        """From here on it is the connection's own methods again: output has no detour."""
        if self._connection is not None:
            del self._connection.process_packet
            self._connection = None

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self._hear(msg)

    def password_auth_requested(self) -> str | None:
        return self._take_password()

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        self._hear(prompt)
        self.wants_change = True
        return NotImplemented

    def public_key_auth_requested(self) -> None:
        """Asked when no key is left. If only the question for methods has failed, no key was fit to be tried."""
        self.key_untried = self.failures == 1

    def kbdint_auth_requested(self) -> str | None:
        """With a key, only once that was accepted, to see what more is asked for."""
        if self._prompted or not (self._is_password or self.accepted):
            return None
        self._prompted = True
        return ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str] | None:
        said = f"{name} {instructions}"
        self._hear(said)
        if not prompts:
            return []  # RFC 4256: a round that only informs is answered, with nothing
        text = " ".join([said, *(prompt for prompt, _ in prompts)])
        password = self._take_password() if self._may_answer(text, prompts) else None
        if password is None:
            self._note_question(text, prompts)
            return None
        return [password]

    def _may_answer(self, text: str, prompts: Prompts) -> bool:
        is_hidden = len(prompts) == 1 and not prompts[0][1]
        is_open = not (self.accepted or self.password_refused)
        return is_hidden and is_open and not speaks_of_code(text) and not speaks_of_change(text)

    def _note_question(self, text: str, prompts: Prompts) -> None:
        # Asked again for what it was told: it did not believe it.
        is_again = self._password_out and len(prompts) == 1 and not prompts[0][1]
        self.asks_code = speaks_of_code(text)
        self.wants_change = self.wants_change or speaks_of_change(text)
        if self.asks_code or self.accepted or not is_again:
            self.asked = "  ".join(prompt for prompt, _ in prompts)[:MOST_SAID]

    def _take_password(self) -> str | None:
        if not self._is_password or self._credential is None or self._password_out:
            return None
        self._password_out = self._password_sent = True
        return self._credential.secret

    def _hear(self, text: str) -> None:
        if self._password_out if self._is_password else self.failures:
            self._late = f"{self._late} {text}".strip()[:MOST_SAID]
        else:
            self._early = f"{self._early} {text}".strip()[:MOST_SAID]

    def _read_greeting(self, pass_on: Callable[[bytes], None], data: bytes, datatype: object = None) -> None:
        self.greeting.feed(data)
        if self.greeting.version is not None and self._connection is not None:
            del self._connection.data_received
        pass_on(data)

    def _read_packet(
        self, pass_on: Callable[[int, int, SSHPacket], Processed], kind: int, number: int, packet: SSHPacket
    ) -> Processed:
        note = {
            MSG_USERAUTH_FAILURE: self._note_failure,
            MSG_EXT_INFO: self._note_signatures,
            MSG_DISCONNECT: self._note_disconnect,
        }.get(kind)
        if note is not None:
            with suppress(PacketDecodeError):  # asyncssh will say what it thinks of that packet
                note(SSHPacket(packet.get_remaining_payload()))
        return pass_on(kind, number, packet)

    def _note_failure(self, packet: SSHPacket) -> None:
        methods = tuple(name.decode("ascii", "replace") for name in packet.get_namelist())
        if packet.get_boolean():
            self.accepted, self._prompted = True, False
        elif self._password_sent:
            self.password_refused = True
        self._password_sent = False
        self.methods = self.methods if self.failures else methods
        self.methods_left = methods
        self.failures += 1

    def _note_signatures(self, packet: SSHPacket) -> None:
        for _ in range(packet.get_uint32()):
            name, value = packet.get_string(), packet.get_string()
            if name == b"server-sig-algs":
                self.signatures = frozenset(value.decode("ascii", "replace").split(","))

    def _note_disconnect(self, packet: SSHPacket) -> None:
        self.disconnect = packet.get_uint32(), packet.get_string().decode("utf-8", "replace")[:MOST_SAID]
