"""Has the service fetch a server's host keys, and asks a person whether they are the server's own."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sshcast.remote.api import Api
from sshcast.remote.asking import ask
from sshcast.remote.printing import format_cell

SCAN = """
mutation ScanHostKeys($input: ScanHostKeysInput!) {
  scanHostKeys(input: $input) { errors { code field message } hostKeys { line type fingerprint status } }
}
"""
OfferedKeys = Sequence[Mapping[str, Any]]


def scan_keys(api: Api, address: Mapping[str, Any]) -> OfferedKeys:
    """Return the keys that the runner of the service is offered at an address, a ScanHostKeysInput."""
    keys: OfferedKeys = api.execute(SCAN, {"input": dict(address)})["scanHostKeys"]["hostKeys"]
    return keys


def confirm_keys(keys: OfferedKeys, *, yes: bool) -> bool:
    """Print the fingerprints on stderr, and ask whether they are the server's, unless `yes`."""
    for key in keys:
        print(format_cell(f"{key['type']} {key['fingerprint']}"), file=sys.stderr)
    return yes or ask(
        "Compare these with the server's own (ssh-keygen -lf on it). Are they its keys? [y/N] ",
        "请与服务器自身的密钥比对（在其上运行 ssh-keygen -lf）。这些是它的密钥吗？[y/N] ",
    )
