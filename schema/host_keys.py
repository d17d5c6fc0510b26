"""Scanning a server's host keys, for a person to compare and accept."""

import strawberry
from strawberry import ID

from resolvers.host_keys import KeyStatus
from runner.ssh.scan_requests import ScanRequest
from schema.enums import LegacyAlgorithm, register_enum
from schema.ids import parse_optional_id
from schema.payloads import Payload

register_enum(
    KeyStatus,
    "HostKeyStatus",
    "How an offered host key compares with the keys pinned for the servers at that address that you "
    "may change. Where servers differ, REVOKED goes before CHANGED, CHANGED before NEW, and NEW "
    "before PINNED.",
    {
        "PINNED": "The key is pinned.",
        "NEW": "No key of its type is pinned, or no server at that address is registered yet.",
        "CHANGED": "Another key of its type is pinned: find out why before you accept it.",
        "REVOKED": "The key is pinned as revoked (`@revoked`) and is never accepted.",
    },
)


@strawberry.input(description="The address to read host keys from.")
class ScanHostKeysInput:
    host: str = strawberry.field(description="The host name or IP address, without a port.")
    port: int = strawberry.field(default=22, description="The SSH port.")
    legacy_algorithms: list[LegacyAlgorithm] = strawberry.field(
        default_factory=list,
        description="Old algorithms to use, besides those that are allowed for the servers at that address.",
    )

    jump_server_id: ID | None = strawberry.field(
        default=None, description="The server through which that address is reached; you must be an admin of it."
    )

    def convert(self) -> ScanRequest:
        return ScanRequest(
            host=self.host,
            port=self.port,
            legacy=tuple(self.legacy_algorithms),
            jump_server_id=parse_optional_id("jump_server_id", self.jump_server_id),
        )


@strawberry.type(
    description="A host key that a server offers. It proves nothing until somebody has compared it with the "
    "server's own."
)
class OfferedHostKey:
    type: str = strawberry.field(description="The key's type, such as `ssh-ed25519`.")
    fingerprint: str = strawberry.field(
        description="`SHA256:` and the hash, as `ssh-keygen -l` on the server shows it."
    )
    line: str = strawberry.field(description='"TYPE BASE64", as `hostKeys` takes it.')
    status: KeyStatus = strawberry.field(description="How it compares with the pinned keys.")


@strawberry.type(description="The answer to `scanHostKeys`.")
class ScanHostKeysPayload(Payload):
    host_keys: list[OfferedHostKey] | None = strawberry.field(
        default=None, description="One key of each type that the server offers now, strongest type first."
    )
