"""Builds the SSH endpoint of a server, with its credential opened for as long as the connection needs it."""

import orjson

from db.models import Server
from runner.secrets.bindings import build_credential_binding
from runner.secrets.vault import Vault, VaultError
from runner.ssh.protocol import Credential, Endpoint


def build_endpoint(server: Server, vault: Vault) -> Endpoint:
    """Raises VaultError if the credential was sealed with an unknown key, or the contents are not a credential."""
    return Endpoint(
        server_id=server.id,
        host=server.host,
        port=server.port,
        username=server.username,
        host_keys=tuple(server.host_keys),
        legacy_algorithms=tuple(server.legacy_algorithms),
        host_key_alias=server.host_key_alias,
        credential=_parse_credential(vault.open(server.credential, **build_credential_binding(server.id))),
    )


def _parse_credential(opened: bytes) -> Credential:
    try:
        kept = orjson.loads(opened)
        return Credential(kept["kind"], kept["secret"], kept["passphrase"], kept["certificate"])
    except (ValueError, LookupError, TypeError):
        raise VaultError("what was sealed here is not a credential") from None
