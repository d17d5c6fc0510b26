"""A real nginx with TLS in front of a service, as https://sshcast.example, which Chromium finds on this machine."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.nginx import serve

NAME = "sshcast.example"
# What proxies pass on as Host: the browser's own with its port, without it, and the service's address (the default).
HOST_HEADERS = {"with its port": "$http_host", "without a port": "$host", "the upstream": "$proxy_host"}
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; {paths}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    {more}
    location {location} {{
      proxy_pass {target}; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host {host};
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""


@asynccontextmanager
async def nginx(
    folder: Path, *, port: int, target: str, host: str, more: str = "", location: str = "/"
) -> AsyncIterator[None]:
    """nginx on this port until the block ends. `host` is what it passes on, `more` directives of its server."""
    _lay(folder, port=port, target=target, host=host, more=more, location=location)
    async with serve(folder / "nginx.conf", port=port):
        yield


def _lay(folder: Path, **filled: Any) -> None:
    """The certificate and the configuration."""
    folder.mkdir(exist_ok=True)
    _write_certificate(folder)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, paths=paths, **filled))


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))


def trusting_all() -> ssl.SSLContext:
    """The certificate is nobody's; who calls is on this machine."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
