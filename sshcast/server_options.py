"""What people say of a server that they register with `sshcast server add`."""

from dataclasses import dataclass
from pathlib import Path

from sshcast.errors import CommandFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The options of `server add`. `scan` fetches the server's keys instead of taking `host_keys`.

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
    output_encoding: str
    scan: bool
    yes: bool
    jump: str | None = None

    def check(self) -> None:
        """Raise CommandFailed for what does not go together."""
        if (self.key is None) == (self.password is None):
            raise CommandFailed("give either --key FILE or --password-stdin")
        if self.scan == bool(self.host_keys):
            raise CommandFailed('give either --host-key "TYPE BASE64" or --scan')
