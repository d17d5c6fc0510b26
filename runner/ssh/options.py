"""The options of every SSH connection: nothing of the service's own account, and the accepted algorithms."""

from collections.abc import Collection
from typing import Any

from runner.ssh.algorithms import list_ciphers, list_key_exchanges, list_macs, list_signatures


def build_transport_options(legacy: Collection[str] = ()) -> dict[str, Any]:
    """Return options for asyncssh. `legacy` are the old algorithms that an admin allows for this server."""
    return {
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "pkcs11_provider": None,
        "client_certs": (),
        "x509_trusted_certs": None,
        "x509_trusted_cert_paths": [],
        "gss_host": None,
        "host_based_auth": False,
        "disable_trivial_auth": True,
        "kex_algs": list_key_exchanges(legacy),
        "encryption_algs": list_ciphers(legacy),
        "mac_algs": list_macs(legacy),
        "signature_algs": list_signatures(legacy),
        "compression_algs": None,
        "request_pty": False,
        "send_env": None,
        "keepalive_interval": 15,
        "keepalive_count_max": 3,
    }
