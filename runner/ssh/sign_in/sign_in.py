"""The client's side of a sign-in: answers the server's requests, and records its messages.

The password is sent at most once a connection: by the `password` method, or to the single hidden prompt of a round of
`keyboard-interactive`. No prompt gets it once the server has refused it or accepted anything, nor one that speaks of a
code or of a new password: a server that counts failures would lock the account.
"""

from collections.abc import Callable
from contextlib import suppress

from runner.ssh.algorithms import read_string
from runner.ssh.protocol import Credential
from runner.ssh.sign_in.server_messages import speaks_of_change, speaks_of_code

MOST_SAID = 2000
# Numbers of messages: RFC 4253 section 12, RFC 8308 section 2.3, RFC 4252 section 6.
DISCONNECT, EXT_INFO, USERAUTH_FAILURE = 1, 7, 51

Prompts = list[tuple[str, bool]]


class SignIn:
    """Records what the server sent and asked for during one sign-in, so that failures can be told apart.

    `methods` are those it offered first, `methods_left` those it offered last. `accepted` is set if it accepted the
    credential and wants more. `signatures` are the algorithms it accepts signatures by, None if it named none. `asked`
    is the prompt that was not answered. `disconnect` is the code and text with which it ended the connection.
    `key_type` is the type of the offered key, "" without one. `principals` are those of the certificate, () without one
    and for one that is valid for any.
    """

    def __init__(
        self, credential: Credential | None = None, *, key_type: str = "", principals: tuple[str, ...] = ()
    ) -> None:
        self.key_type = key_type
        self.principals = principals
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
        self._password_out = False
        self._password_sent = False
        self._prompted = False

    @property
    def banner(self) -> str:
        """The text sent before the credential was, which most servers send to every client."""
        return self._early

    @property
    def reply(self) -> str:
        """The text sent after the credential was."""
        return self._late

    @property
    def secret(self) -> str | None:
        """The password that the server was sent; it must be masked where the server repeats it."""
        return self._credential.secret if self._is_password and self._credential else None

    @property
    def _is_password(self) -> bool:
        return self._credential is not None and self._credential.kind == "password"

    def begin(self) -> None:
        self.has_begun = True

    def note_packet(self, kind: int, payload: bytes) -> None:
        """Observe a packet that the client receives. A malformed one is left to the client."""
        notes: dict[int, Callable[[bytes], None]] = {
            USERAUTH_FAILURE: self._note_failure,
            EXT_INFO: self._note_signatures,
            DISCONNECT: self._note_disconnect,
        }
        if kind in notes:
            with suppress(ValueError):
                notes[kind](payload)

    def note_words(self, text: str) -> None:
        """Record the text of a banner or of a prompt."""
        if self._password_out if self._is_password else self.failures:
            self._late = f"{self._late} {text}".strip()[:MOST_SAID]
        else:
            self._early = f"{self._early} {text}".strip()[:MOST_SAID]

    def take_password(self) -> str | None:
        """Return the password the first time, then None."""
        if not self._is_password or self._credential is None or self._password_out:
            return None
        self._password_out = self._password_sent = True
        return self._credential.secret

    def note_change_request(self, prompt: str) -> None:
        self.note_words(prompt)
        self.wants_change = True

    def note_no_key_left(self) -> None:
        """Record that no key is left. If only the query for methods has failed, no key was fit to be tried."""
        self.key_untried = self.failures == 1

    def begin_prompts(self) -> bool:
        """Return whether to accept prompts. With a key, only after it was accepted, to see what else is wanted."""
        if self._prompted or not (self._is_password or self.accepted):
            return False
        self._prompted = True
        return True

    def answer_prompts(self, said: str, prompts: Prompts) -> list[str] | None:
        """Return the answers, or None to refuse the prompts."""
        self.note_words(said)
        if not prompts:
            return []  # RFC 4256: a round without prompts is answered with an empty list
        text = " ".join([said, *(prompt for prompt, _ in prompts)])
        password = self.take_password() if self._may_answer(text, prompts) else None
        if password is None:
            self._note_question(text, prompts)
            return None
        return [password]

    def _may_answer(self, text: str, prompts: Prompts) -> bool:
        is_hidden = len(prompts) == 1 and not prompts[0][1]
        is_open = not (self.accepted or self.password_refused)
        return is_hidden and is_open and not speaks_of_code(text) and not speaks_of_change(text)

    def _note_question(self, text: str, prompts: Prompts) -> None:
        # The same hidden prompt after the password was sent means that the password was refused.
        is_again = self._password_out and len(prompts) == 1 and not prompts[0][1]
        self.asks_code = speaks_of_code(text)
        self.wants_change = self.wants_change or speaks_of_change(text)
        if self.asks_code or self.accepted or not is_again:
            self.asked = "  ".join(prompt for prompt, _ in prompts)[:MOST_SAID]

    def _note_failure(self, payload: bytes) -> None:
        names, at = read_string(payload, 0)
        is_partial = _read_number(payload, at, 1) != 0
        methods = tuple(names.decode("ascii", "replace").split(",")) if names else ()
        if is_partial:
            self.accepted, self._prompted = True, False
        elif self._password_sent:
            self.password_refused = True
        self._password_sent = False
        self.methods = self.methods if self.failures else methods
        self.methods_left = methods
        self.failures += 1

    def _note_signatures(self, payload: bytes) -> None:
        at = 4
        for _ in range(_read_number(payload, 0, 4)):
            name, at = read_string(payload, at)
            value, at = read_string(payload, at)
            if name == b"server-sig-algs":
                self.signatures = frozenset(value.decode("ascii", "replace").split(","))

    def _note_disconnect(self, payload: bytes) -> None:
        code, text = _read_number(payload, 0, 4), read_string(payload, 4)[0]
        self.disconnect = code, text.decode("utf-8", "replace")[:MOST_SAID]


def _read_number(data: bytes, at: int, size: int) -> int:
    """Raises ValueError."""
    if len(data) < at + size:
        raise ValueError("a number is cut short")
    return int.from_bytes(data[at : at + size], "big")
