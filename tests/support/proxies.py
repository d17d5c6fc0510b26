"""A real nginx in front of a running service, on a loopback port of its own."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

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


def find_nginx() -> str:
    """Where it is; the test is skipped on a machine without it, but not in CI."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no nginx on this machine: apt-get install nginx-light", pytrace=False)
        pytest.skip("no nginx on this machine")
    return found


@asynccontextmanager
async def run_nginx(upstream: str, folder: Path, seconds: int) -> AsyncIterator[str]:
    """The address at which nginx serves `upstream`; it gives an answer up that is silent for so long."""
    port = _free_port()
    config = _write_config(folder, port=port, upstream=upstream, seconds=seconds)
    given = ("-p", str(folder), "-c", str(config), "-e", "stderr", "-g", "master_process off;")
    process = await asyncio.create_subprocess_exec(find_nginx(), *given)
    try:
        await _wait_until_listening(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _write_config(folder: Path, **values: object) -> Path:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, **values))
    return config


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


async def _wait_until_listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(15):
        while True:
            assert process.returncode is None, "nginx did not start"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return
