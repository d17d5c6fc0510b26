"""The inputs of mutations about servers."""

import strawberry
from strawberry import ID

from resolvers import inputs
from runner.charsets import DEFAULT
from schema.enums import LegacyAlgorithm, Mode
from schema.ids import parse_optional_id
from schema.inputs import ABSENT, collect_changes
from schema.schedule_inputs import BlackoutInput

KEYS = (
    'The host keys to pin, 1 to 16: each a public key "TYPE BASE64", or a line of known_hosts for '
    "this host and port, hashed or not, also with `@cert-authority` or `@revoked`. Comments are "
    "skipped. `sshcast server add --scan` shows a server's keys."
)
ACCEPT = (
    "Pin the keys with these fingerprints, as `scanHostKeys` shows them, once you have compared them "
    "with the server's own. sshcast fetches the keys again and refuses fingerprints that are no "
    "longer offered. Not together with `hostKeys`: the accepted keys replace the pinned keys of "
    "every type that the server offers; `@cert-authority` and `@revoked` entries stay."
)
ALIAS = "A name, besides `host`, that the server's host certificate may be issued for."
ENCODING = (
    "The IANA name of the encoding that its output is decoded by, that of earlier runs too, such as `utf-8`, `gb18030` "
    "or `shift_jis`. The stored bytes stay as they are. Encodings with states and UTF-16 are not possible."
)
JUMP = "The server through which this one is reached, as by `ssh -J`. You must be an admin of both; at most 4 in a row."
LEGACY = "Old SSH algorithms to allow for this server because it offers no safe ones. The audit records it."


@strawberry.input(
    description="How to sign in: a password, or a private key with its passphrase and certificate, if any. It "
    "cannot be read back."
)
class CredentialInput:
    password: str | None = strawberry.field(default=None, description="The account's password.")
    private_key: str | None = strawberry.field(default=None, description="An OpenSSH or PEM private key, as text.")
    passphrase: str | None = strawberry.field(default=None, description="The private key's passphrase.")
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
    name: str = strawberry.field(description="A unique name, 1 to 100 characters.")
    host: str = strawberry.field(
        description="The host name or IP address, without a port. An international name is stored in its `xn--` form."
    )
    port: int = strawberry.field(default=22, description="The SSH port.")
    username: str = strawberry.field(description="The account that commands run as.")
    host_keys: list[str] = strawberry.field(description=KEYS)
    host_key_alias: str | None = strawberry.field(default=None, description=ALIAS)
    legacy_algorithms: list[LegacyAlgorithm] = strawberry.field(default_factory=list, description=LEGACY)
    jump_server_id: ID | None = strawberry.field(default=None, description=JUMP)
    credential: CredentialInput = strawberry.field(description="How to sign in.")
    tags: list[str] = strawberry.field(default_factory=list, description="Tags for filters and grants, at most 32.")
    max_parallel: int = strawberry.field(default=10, description="How many commands may run on it at once, 1 to 1000.")
    run_mode: Mode = strawberry.field(
        default=Mode.DURABLE, description="The mode of runs on it, unless their task has its own."
    )
    output_encoding: str = strawberry.field(default=DEFAULT, description=ENCODING)
    blackouts: list[BlackoutInput] = strawberry.field(
        default_factory=list, description="Windows in which schedules start nothing on it, at most 32."
    )
    enabled: bool = strawberry.field(default=True, description="Whether runs may start on it.")

    def convert(self) -> inputs.NewServer:
        return inputs.NewServer(
            name=self.name,
            host=self.host,
            port=self.port,
            username=self.username,
            host_keys=self.host_keys,
            host_key_alias=self.host_key_alias,
            legacy_algorithms=self.legacy_algorithms,
            jump_server_id=parse_optional_id("jump_server_id", self.jump_server_id),
            credential=self.credential.convert(),
            tags=self.tags,
            max_parallel=self.max_parallel,
            run_mode=self.run_mode,
            output_encoding=self.output_encoding,
            blackouts=[window.convert() for window in self.blackouts],
            enabled=self.enabled,
        )


@strawberry.input(description="Changes to a server. Fields that are absent stay as they are.")
class UpdateServerInput:
    id: ID = strawberry.field(description="The server's id.")
    name: str | None = strawberry.field(default=ABSENT, description="A unique name, 1 to 100 characters.")
    host: str | None = strawberry.field(default=ABSENT, description="The host name or IP address, without a port.")
    port: int | None = strawberry.field(default=ABSENT, description="The SSH port.")
    username: str | None = strawberry.field(default=ABSENT, description="The account that commands run as.")
    host_keys: list[str] | None = strawberry.field(default=ABSENT, description=KEYS)
    accept_fingerprints: list[str] | None = strawberry.field(default=ABSENT, description=ACCEPT)
    host_key_alias: str | None = strawberry.field(default=ABSENT, description=f"{ALIAS} Null for none.")
    legacy_algorithms: list[LegacyAlgorithm] | None = strawberry.field(default=ABSENT, description=LEGACY)
    jump_server_id: ID | None = strawberry.field(default=ABSENT, description=f"{JUMP} Null for none.")
    credential: CredentialInput | None = strawberry.field(default=ABSENT, description="How to sign in.")
    tags: list[str] | None = strawberry.field(default=ABSENT, description="Tags for filters and grants, at most 32.")
    max_parallel: int | None = strawberry.field(default=ABSENT, description="How many commands may run on it at once.")
    run_mode: Mode | None = strawberry.field(
        default=ABSENT, description="The mode of runs on it, unless their task has its own."
    )
    output_encoding: str | None = strawberry.field(default=ABSENT, description=ENCODING)
    blackouts: list[BlackoutInput] | None = strawberry.field(
        default=ABSENT, description="Windows in which schedules start nothing on it; they replace all previous ones."
    )
    enabled: bool | None = strawberry.field(default=ABSENT, description="Whether runs may start on it.")

    def convert(self) -> inputs.ServerChange:
        found = collect_changes(self, inputs.ServerChange)
        if "jump_server_id" in found:
            found["jump_server_id"] = parse_optional_id("jump_server_id", self.jump_server_id)
        return inputs.ServerChange(**found)
