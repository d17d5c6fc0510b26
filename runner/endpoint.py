"""A server's row as the SSH client takes it: its credential opened for as long as the connection needs it."""

import orjson

from db.models import Server
from runner.ssh import Credential, Endpoint
from runner.vault import Vault


def of(server: Server, vault: Vault) -> Endpoint:
    """Raises VaultError when the credential was sealed with a key that is not at hand."""
    opened = orjson.loads(vault.open(server.credential, table="servers", row=str(server.id), field="credential"))
    return Endpoint(
        server_id=server.id,
        host=server.host,
        port=server.port,
        username=server.username,
        host_keys=tuple(server.host_keys),
        credential=Credential(opened["kind"], opened["secret"], opened["passphrase"], opened["certificate"]),
    )
