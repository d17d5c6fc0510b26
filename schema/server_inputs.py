"""What the mutations of servers take."""

import strawberry
from strawberry import ID

from resolvers import inputs
from schema.enums import LegacyAlgorithm, Mode
from schema.inputs import ABSENT, collect_changes
from schema.schedule_inputs import BlackoutInput

KEYS = (
    'Each a public key "TYPE BASE64" or a line of known_hosts for this host and port, hashed or not, also '
    "`@cert-authority` and `@revoked`; comments are skipped, 1 to 16 are kept. `sshcast server add --scan` shows them."
)
ACCEPT = (
    "Pin the keys that have these fingerprints, as `scanHostKeys` shows them, once you have compared them with the "
    "server's own. They are fetched again, and refused if they are not on offer any more. Instead of `hostKeys`: they "
    "replace the pinned keys of every type on offer; `@cert-authority` and `@revoked` stay."
)
ALIAS = "A name besides the host that the server's host certificate may be for."
LEGACY = "Old algorithms to allow this server, for want of safe ones; it is in the audit."


@strawberry.input(
    description="How to sign in: a password, or a private key with what belongs to it. It cannot be read again."
)
class CredentialInput:
    password: str | None = strawberry.field(default=None, description="The account's password.")
    private_key: str | None = strawberry.field(default=None, description="An OpenSSH or PEM private key, as text.")
    passphrase: str | None = strawberry.field(default=None, description="What opens the private key.")
    certificate: str | None = strawberry.field(default=None, description="The private key's OpenSSH certificate.")

    def convert(self) -> inputs.NewCredential:
        return inputs.NewCredential(
            password=self.password,
            private_key=self.private_key,
            passphrase=self.passphrase,
            certificate=self.certificate,
        )


@strawberry.input(description="A server to register.")
class CreateServerInput:
    name: str = strawberry.field(description="1 to 100 characters, unlike any other server's.")
    host: str = strawberry.field(description="The host name (kept as its `xn--` form) or IP address, without a port.")
    port: int = strawberry.field(default=22, description="The SSH port.")
    username: str = strawberry.field(description="The account that commands run as.")
    host_keys: list[str] = strawberry.field(description=KEYS)
    host_key_alias: str | None = strawberry.field(default=None, description=ALIAS)
    legacy_algorithms: list[LegacyAlgorithm] = strawberry.field(default_factory=list, description=LEGACY)
    credential: CredentialInput = strawberry.field(description="How to sign in.")
    tags: list[str] = strawberry.field(default_factory=list, description="Words to find it by, at most 32.")
    max_parallel: int = strawberry.field(default=10, description="How many commands may run at once, 1 to 1000.")
    run_mode: Mode = strawberry.field(default=Mode.DURABLE, description="How runs on it are driven.")
    blackouts: list[BlackoutInput] = strawberry.field(
        default_factory=list, description="Windows in which its schedules start nothing, at most 32."
    )
    enabled: bool = strawberry.field(default=True, description="Nothing starts on a disabled server.")

    def convert(self) -> inputs.NewServer:
        return inputs.NewServer(
            name=self.name,
            host=self.host,
            port=self.port,
            username=self.username,
            host_keys=self.host_keys,
            host_key_alias=self.host_key_alias,
            legacy_algorithms=self.legacy_algorithms,
            credential=self.credential.convert(),
            tags=self.tags,
            max_parallel=self.max_parallel,
            run_mode=self.run_mode,
            blackouts=[window.convert() for window in self.blackouts],
            enabled=self.enabled,
        )


@strawberry.input(description="What to change about a server. What is absent stays as it is.")
class UpdateServerInput:
    id: ID = strawberry.field(description="The server's id.")
    name: str | None = strawberry.field(default=ABSENT, description="1 to 100 characters, unlike any other server's.")
    host: str | None = strawberry.field(default=ABSENT, description="The host name or IP address, without a port.")
    port: int | None = strawberry.field(default=ABSENT, description="The SSH port.")
    username: str | None = strawberry.field(default=ABSENT, description="The account that commands run as.")
    host_keys: list[str] | None = strawberry.field(default=ABSENT, description=KEYS)
    accept_fingerprints: list[str] | None = strawberry.field(default=ABSENT, description=ACCEPT)
    host_key_alias: str | None = strawberry.field(default=ABSENT, description=f"{ALIAS} Null for none.")
    legacy_algorithms: list[LegacyAlgorithm] | None = strawberry.field(default=ABSENT, description=LEGACY)
    credential: CredentialInput | None = strawberry.field(default=ABSENT, description="How to sign in.")
    tags: list[str] | None = strawberry.field(default=ABSENT, description="Words to find it by, at most 32.")
    max_parallel: int | None = strawberry.field(default=ABSENT, description="How many commands may run at once.")
    run_mode: Mode | None = strawberry.field(default=ABSENT, description="How runs on it are driven.")
    blackouts: list[BlackoutInput] | None = strawberry.field(
        default=ABSENT, description="Windows in which its schedules start nothing, in place of those of before."
    )
    enabled: bool | None = strawberry.field(default=ABSENT, description="Nothing starts on a disabled server.")

    def convert(self) -> inputs.ServerChange:
        return inputs.ServerChange(**collect_changes(self, inputs.ServerChange))
