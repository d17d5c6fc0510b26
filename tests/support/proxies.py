"""A real nginx in front of a running service, on a loopback port of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support import nginx
from tests.support.ports import free_port

# What docs/proxies.md shows, with a clock that a test can wait for.
CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ""      "";
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout {seconds}s;
        }}
    }}
}}
"""


@asynccontextmanager
async def run_nginx(upstream: str, folder: Path, seconds: int) -> AsyncIterator[str]:
    """The address at which nginx serves `upstream`; it gives an answer up that is silent for so long."""
    port = free_port()
    config = _write_config(folder, port=port, upstream=upstream, seconds=seconds)
    async with nginx.serve(config, "-e", "stderr", "-g", "master_process off;", port=port):
        yield f"http://127.0.0.1:{port}"


def _write_config(folder: Path, **values: object) -> Path:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, **values))
    return config
