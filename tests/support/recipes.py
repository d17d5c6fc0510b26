"""The recipes of deploy/ as the real proxies run them: only ports, names and files are those of a test."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.support.certificates import Authority
from tests.support.service import PROTOCOL, Running

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
NAME = "sshcast.example.com"


class _NamingTransport(httpx2.AsyncHTTPTransport):
    """Names the site in the TLS handshake, whatever address it connects to."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions = dict(request.extensions) | {"sni_hostname": NAME}
        return await super().handle_async_request(request)


@dataclass(frozen=True, slots=True)
class Site:
    """What a proxy is to stand for: where it listens, what is behind it, and where its files are."""

    folder: Path
    port: int
    target: str
    authority: Authority

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.file))

    def client(self, address: str = "127.0.0.1") -> httpx2.AsyncClient:
        """A client at this address, which finds the name on this machine."""
        return httpx2.AsyncClient(
            transport=_NamingTransport(verify=self.trusting(), local_address=address, trust_env=False),
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Host": f"{NAME}:{self.port}"},
            timeout=httpx2.Timeout(30, read=300),
        )

    def socket(self, path: str = "/graphql") -> connect:
        return connect(
            f"wss://{NAME}:{self.port}{path}",
            host="127.0.0.1",
            port=self.port,
            ssl=self.trusting(),
            server_hostname=NAME,
            subprotocols=[PROTOCOL],
            proxy=None,
        )


def _fill(recipe: str, *pairs: tuple[str, str]) -> str:
    """The recipe's text with each of the pairs changed, all of which must be there."""
    text = (DEPLOY / recipe).read_text()
    for old, new in pairs:
        assert old in text, f"{recipe} has no {old}"
        text = text.replace(old, new)
    return text


def _lay_nginx(site: Site, certificate: Path, key: Path) -> list[str]:
    text = _fill(
        "nginx/sshcast.conf",
        ("listen 80;", f"listen unix:{site.folder}/plain.sock;"),
        ("listen 443 ssl", f"listen 127.0.0.1:{site.port} ssl"),
        ("/etc/ssl/sshcast/fullchain.pem", str(certificate)),
        ("/etc/ssl/sshcast/privkey.pem", str(key)),
        ("127.0.0.1:8000", site.target),
    )
    (site.folder / "sshcast.conf").write_text(text)
    paths = " ".join(
        f"{kind}_temp_path {site.folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = site.folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {site.folder}/pid; error_log {site.folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {paths} include {site.folder}/sshcast.conf; }}\n"
    )
    return ["nginx", "-p", str(site.folder), "-c", str(config)]


def _lay_haproxy(site: Site, certificate: Path, key: Path) -> list[str]:
    both = site.folder / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    text = _fill(
        "haproxy/haproxy.cfg",
        ("bind :80", f"bind {site.folder}/plain.sock"),
        ("bind :443", f"bind 127.0.0.1:{site.port}"),
        ("/etc/haproxy/sshcast.pem", str(both)),
        ("127.0.0.1:8000", site.target),
    )
    config = site.folder / "haproxy.cfg"
    config.write_text(text)
    return ["haproxy", "-db", "-f", str(config)]


def _lay_caddy(site: Site, certificate: Path, key: Path) -> list[str]:
    text = _fill(
        "caddy/Caddyfile",
        (f"\n{NAME} {{", f"\n{{\n\tadmin off\n\tauto_https off\n}}\n\n{site.url} {{\n\ttls {certificate} {key}\n"),
        ("127.0.0.1:8000", site.target),
    )
    config = site.folder / "Caddyfile"
    config.write_text(text)
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


PROXIES: dict[str, Callable[[Site, Path, Path], list[str]]] = {
    "nginx": _lay_nginx,
    "haproxy": _lay_haproxy,
    "caddy": _lay_caddy,
}


def _lay(proxy: str, service: Running, folder: Path, port: int) -> tuple[Site, list[str]]:
    """The site and the command that starts its proxy, whose files are laid."""
    folder.mkdir(parents=True)
    site = Site(folder, port, service.url.removeprefix("http://"), Authority.make(folder, "authority"))
    return site, PROXIES[proxy](site, *site.authority.sign(NAME))


@asynccontextmanager
async def proxied(proxy: str, service: Running, folder: Path, port: int) -> AsyncIterator[Site]:
    """The service behind this proxy, as its recipe says, at https://sshcast.example.com:PORT until the block ends."""
    site, (program, *options) = _lay(proxy, service, folder, port)
    with (folder / "proxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            _find(program), *options, stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)}
        )
        try:
            await _wait_until_serving(site, process)
            yield site
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _find(program: str) -> str:
    """Where it is; the test is skipped on a machine without it, but not in CI."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"no {program} on this machine: apt-get install it", pytrace=False)
        pytest.skip(f"no {program} on this machine")
    return found


async def _wait_until_serving(site: Site, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30), site.client() as client:
        while True:
            assert process.returncode is None, (site.folder / "proxy.log").read_text()
            try:
                if (await client.get("/healthz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)
