"""A server's host keys as it offers them now, for a person to compare and accept."""

import strawberry

from resolvers.host_keys import KeyStatus
from runner.ssh.scan_requests import ScanRequest
from schema.enums import LegacyAlgorithm, register_enum
from schema.payloads import Payload

register_enum(
    KeyStatus,
    "HostKeyStatus",
    "What an offered host key is to the servers at that address that you may change; to several, the last of these.",
    {
        "PINNED": "It is pinned.",
        "NEW": "No key of its type is pinned, or there is no such server yet.",
        "CHANGED": "Another key of its type is pinned: find out why before you accept it.",
        "REVOKED": "It is revoked (`@revoked`), and is never accepted.",
    },
)


@strawberry.input(description="Where to look for host keys.")
class ScanHostKeysInput:
    host: str = strawberry.field(description="The host name or IP address, without a port.")
    port: int = strawberry.field(default=22, description="The SSH port.")
    legacy_algorithms: list[LegacyAlgorithm] = strawberry.field(
        default_factory=list, description="Old algorithms to speak, besides those that servers at that address have."
    )

    def convert(self) -> ScanRequest:
        return ScanRequest(host=self.host, port=self.port, legacy=tuple(self.legacy_algorithms))


@strawberry.type(description="A host key that a server offers. Nothing vouches for it until a person has compared it.")
class OfferedHostKey:
    type: str = strawberry.field(description="The key's type, such as `ssh-ed25519`.")
    fingerprint: str = strawberry.field(description="`SHA256:` and the hash, as `ssh-keygen -l` there shows it.")
    line: str = strawberry.field(description='"TYPE BASE64", as `hostKeys` takes it.')
    status: KeyStatus = strawberry.field(description="Whether it is pinned already.")


@strawberry.type(description="The answer to `scanHostKeys`.")
class ScanHostKeysPayload(Payload):
    host_keys: list[OfferedHostKey] | None = strawberry.field(
        default=None, description="A key of each type that the server offers now, the best type first."
    )
