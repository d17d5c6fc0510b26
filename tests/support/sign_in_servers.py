"""Servers that ask for what real ones ask for in a sign-in, and note what they are told; and things that are none."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from runner.ssh.attempts import RetryPolicy
from runner.ssh.client import connect
from runner.ssh.keys import extract_public_part
from runner.ssh.protocol import ConnectFailed, ConnectTimeouts, Credential, Endpoint
from tests.support.accounts.accounts import Wish, accounts
from tests.support.targets import SSHD, Target, running_sshd

PASSWORD = "correct horse"
SECRET = Credential("password", PASSWORD)
PATIENT = ConnectTimeouts(login=30.0)
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")

Prompt = str | bytes
Round = tuple[str, str, list[tuple[Any, bool]]]
"""Name, instruction, and prompts with whether what is typed is shown."""

Challenge = bool | tuple[str, str, str, list[tuple[Any, bool]]]


@dataclass(frozen=True, slots=True)
class Play:
    """`rounds` of keyboard-interactive. `takes`: what comes of a password: True, False, "partial", "change", "close".
    `signatures`: those by which it takes keys, if any.

    `told` and `answers` are what the server was sent, by `password` and in the rounds.
    """

    rounds: Sequence[Round] = ()
    takes: object = None
    banner: str = ""
    late_banner: str = ""
    signatures: Sequence[str] = ()
    told: list[str] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)


def ask(*prompts: Prompt, echo: bool = False, instruction: str = "", name: str = "") -> Round:
    return name, instruction, [(prompt, echo) for prompt in prompts]


class PlayedServer(asyncssh.SSHServer):
    """Lets in who has answered the last round."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.left = list(play.rounds)
        self.accepted = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn

    def begin_auth(self, username: str) -> bool:
        if self.play.banner:
            self.connection.send_auth_banner(self.play.banner)
        return self.play.takes != "anybody"

    def public_key_auth_supported(self) -> bool:
        return bool(self.play.signatures)

    def password_auth_supported(self) -> bool:
        return self.play.takes is not None and not self.accepted

    async def validate_password(self, username: str, password: str) -> bool:
        self.play.told.append(password)
        if self.play.late_banner:
            self.connection.send_auth_banner(self.play.late_banner)
        if self.play.takes == "change":
            raise asyncssh.PasswordChangeRequired("Your password has expired")
        if self.play.takes == "partial":
            self.accepted = True
            self.connection.send_userauth_failure(True)
            raise asyncio.CancelledError  # or asyncssh would answer once more
        if self.play.takes == "close":
            self.connection.abort()
        return self.play.takes is True

    def kbdint_auth_supported(self) -> bool:
        return bool(self.play.rounds)

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Challenge:
        name, instruction, prompts = self.left.pop(0)
        return name, instruction, "", prompts

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Challenge:
        self.play.answers.append(list(responses))
        if not self.left:
            return True
        name, instruction, prompts = self.left.pop(0)
        return name, instruction, "", prompts


@asynccontextmanager
async def playing(play: Play) -> AsyncIterator[Endpoint]:
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        config=None,
        server_factory=lambda: PlayedServer(play),
        server_host_keys=[HOST_KEY],
        signature_algs=list(play.signatures) or (),
    )
    async with listener:
        yield endpoint_at(listener.get_port())


def endpoint_at(port: int) -> Endpoint:
    return Endpoint(1, "127.0.0.1", port, "root", (str(extract_public_part(HOST_KEY)),), SECRET)


async def refusal(endpoint: Endpoint, *, passing: bool = False) -> str:
    """The sentence. Nothing is tried again that a second attempt cannot mend, and no secret is told."""
    with pytest.raises(ConnectFailed) as failed:
        await connect(endpoint, timeouts=PATIENT)
    assert (failed.value.reason, RetryPolicy().retries(failed.value)) == ("AUTH_FAILED", passing)
    assert PASSWORD not in failed.value.detail
    assert failed.value.detail.isprintable()
    return failed.value.detail


@asynccontextmanager
async def sending(data: bytes, *, close: bool = True) -> AsyncIterator[Endpoint]:
    """Something that answers our first line with `data`, and closes the connection or waits."""
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(data)
        if not close:
            await done.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield endpoint_at(server.sockets[0].getsockname()[1])
    finally:
        done.set()
        server.close()
        await server.wait_closed()


@contextmanager
def sshd_with_pam(folder: Path, rules: str, prepare: str, *lines: str) -> Iterator[Target]:
    """OpenSSH for a new account with the password, by PAM rules of its own; `prepare` is done to the account."""
    # sshd asks PAM by the name that it was started under.
    link = folder / f"sshcast-sign-in-{secrets.token_hex(4)}"
    link.symlink_to(str(SSHD))
    service = Path("/etc/pam.d") / link.name
    wish = Wish(prepare=f'echo "$USER:{PASSWORD}" | chpasswd && {prepare}')
    with accounts({"account": wish}) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.targets.SSHD", str(link))
        service.write_text(rules)
        try:
            with running_sshd(folder, "UsePAM yes", *lines) as target:
                yield Target("pam", target.port, target.host_key, "", folder, username=made.named["account"].name)
        finally:
            service.unlink()
