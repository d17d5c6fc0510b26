"""`sshcast server add`: a server with its credential and its pinned host keys."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from resolvers import host_names, servers
from resolvers.inputs import NewCredential, NewServer
from runner.reach import Reach
from runner.ssh import ConnectFailed, fingerprint
from runner.ssh_scan import Scan, scan_host_keys
from sshcast.app import opened, reach
from sshcast.commands import local
from sshcast.commands.errors import CommandFailed
from sshcast.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What the command line named. `scan` asks the server for its keys instead of taking `host_keys`.

    `allowed`: old algorithms, words of `db.values.LegacyAlgorithm`.
    """

    name: str
    host: str
    port: int
    username: str
    key: Path | None
    certificate: Path | None
    passphrase: str | None
    password: str | None
    host_keys: tuple[str, ...]
    host_key_alias: str | None
    allowed: tuple[str, ...]
    scan: bool
    yes: bool


async def enrol(settings: Settings, given: Enrolment, run_as: str | None) -> int:
    if (given.key is None) == (given.password is None):
        raise CommandFailed("give either --key FILE or --password-stdin")
    if given.scan == bool(given.host_keys):
        raise CommandFailed('give either --host-key "TYPE BASE64" or --scan')
    given = replace(given, host=host_names.host(given.host))  # before anything is asked of it
    credential = NewCredential(
        password=given.password,
        private_key=read(given.key),
        passphrase=given.passphrase,
        certificate=read(given.certificate),
    )
    async with opened(settings) as service:
        ctx = await local.viewer(service, run_as)  # before a person is asked about keys
        keys = await scanned(given, reach(settings)) if given.scan else given.host_keys
        server = await servers.create(ctx, _new_server(given, credential, keys))
    print(server.id)
    return 0


def _new_server(given: Enrolment, credential: NewCredential, keys: tuple[str, ...]) -> NewServer:
    return NewServer(
        name=given.name,
        host=given.host,
        port=given.port,
        username=given.username,
        host_keys=keys,
        host_key_alias=given.host_key_alias,
        legacy_algorithms=given.allowed,
        credential=credential,
    )


async def scanned(given: Enrolment, within: Reach) -> tuple[str, ...]:
    """The keys that the server offers, once a person has compared their fingerprints."""
    scan = Scan(legacy=given.allowed, within=within, on_wait=_say)
    try:
        keys = tuple(await scan_host_keys(given.host, given.port, scan))
    except ConnectFailed as error:
        raise CommandFailed(error.detail) from error
    for key in keys:
        print(f"{key.split()[0]} {fingerprint(key)}", file=sys.stderr)
    question = "Compare these with the server's own (ssh-keygen -lf on it). Are they its keys? [y/N] "
    if not given.yes and not agreed(question):
        raise CommandFailed("the host keys were not accepted, so nothing was added")
    return keys


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def agreed(question: str) -> bool:
    """Asked on stderr: stdout is for the id alone."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"cannot read {path}: {error}") from error
