"""A machine to deploy on, in a folder: docs/deploy.md's commands with the folders, ports and names of a test.

PostgreSQL and nginx are real, as their packages leave them. What systemd would do, `Machine` does as the unit says.
"""

import asyncio
import getpass
import grp
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.nginx import find_nginx
from tests.support.ports import free_port
from tests.support.postgres import Postgres, program, running

HOST = "localhost"
FOLDERS = (
    "/etc/systemd/system",
    "/etc/nginx/conf.d",
    "/etc/ssl/sshcast",
    "/etc/sshcast",
    "/var/lib/sshcast",
    "/opt/sshcast",
)
# Without X-Accel-Buffering, by which our streams ask nginx not to buffer them: the site's file alone sees to that.
NGINX = """daemon off;
user {user} {group};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    proxy_ignore_headers X-Accel-Buffering;
    {paths}
    server {{ listen unix:{folder}/default.sock; }}
    include {folder}/etc/nginx/conf.d/*.conf;
}}
"""


@dataclass(slots=True)
class Machine:
    """`root` stands for `/`. `port` is the service's, `tls_port` that of HTTPS, `plain_port` that of HTTP."""

    root: Path
    database: Postgres
    authority: Authority
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    plain_port: int = field(default_factory=free_port)
    service: "subprocess.Popen[bytes] | None" = None
    notices: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.tls_port}"

    @property
    def log(self) -> Path:
        return self.root / "service.log"

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system/sshcast.service"

    @property
    def nginx_config(self) -> Path:
        return self.root / "nginx.conf"

    def make_changes(self, password: str) -> dict[str, str]:
        """What is typed in place of a text of the page: folders, ports, host names, accounts and passwords, no more."""
        user, group = find_account()
        nginx = f"{find_nginx()} -c {self.nginx_config}"
        certificate, key = self.authority.sign(HOST)
        programs = Path(program("createdb")).parent
        return {
            "-o sshcast -g sshcast": f"-o {user} -g {group}",
            "-o root -g sshcast": f"-o {user} -g {group}",
            "sudo -u sshcast ": "",
            "sudo -u postgres ": f"PGHOST=127.0.0.1 PGPORT={self.database.port} PGUSER=postgres {programs}/",
            "nginx -t && systemctl reload nginx": f"{nginx} -t && {nginx} -s reload",
            "fullchain.pem privkey.pem": f"{self._name(certificate, 'fullchain')} {self._name(key, 'privkey')}",
            ":PASSWORD@127.0.0.1/": f":{password}@127.0.0.1:{self.database.port}/",
            "PUBLIC_URL=https://YOUR_HOST_NAME": f"PUBLIC_URL={self.url}\nSSHCAST_PORT={self.port}",
            "https://YOUR_HOST_NAME": self.url,
            "YOUR_HOST_NAME": HOST,
        } | {folder: f"{self.root}{folder}" for folder in FOLDERS}

    def _name(self, file: Path, name: str) -> Path:
        return file.rename(file.with_name(f"{name}.pem"))

    def edit(self, file: Path, changes: Mapping[str, str]) -> None:
        """Put this machine's folders and ports into a file of deploy/ that was copied; each text must be there."""
        text = file.read_text()
        for old, new in changes.items():
            assert old in text, f"{file.name} has no {old}"
            text = text.replace(old, new)
        file.write_text(text)

    def edit_nginx_site(self) -> None:
        changes = {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.tls_port} ssl",
            "/etc/ssl/sshcast": f"{self.root}/etc/ssl/sshcast",
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
        }
        self.edit(self.root / "etc/nginx/conf.d/sshcast.conf", changes)

    def wait_for_https(self) -> None:
        """nginx goes on to a new configuration after `reload` has returned."""
        deadline = time.monotonic() + 15
        with socket.socket() as client:
            while client.connect_ex(("127.0.0.1", self.tls_port)) != 0:
                assert time.monotonic() < deadline, (self.root / "nginx.log").read_text()
                time.sleep(0.02)

    def edit_unit(self) -> None:
        self.edit(self.unit, {f"{each}/": f"{self.root}{each}/" for each in ("/etc/sshcast", "/opt/sshcast")})
        self.edit(self.unit, {"=/var/lib/sshcast": f"={self.root}/var/lib/sshcast"})

    def start_service(self) -> None:
        """Do what `systemctl start` does with the unit: its environment, its mask, and waiting until it says READY."""
        unit = dict(re.findall(r"^(\w+)=(.*)$", self.unit.read_text(), re.MULTILINE))
        lines = [unit["Environment"], *Path(unit["EnvironmentFile"].lstrip("-")).read_text().splitlines()]
        address = self.root / "notify"
        address.unlink(missing_ok=True)
        given = dict(line.split("=", 1) for line in lines) | {"NOTIFY_SOCKET": str(address), "PATH": os.defpath}
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(address))
        self.notices.settimeout(90)
        with self.log.open("ab") as log:
            self.service = subprocess.Popen(
                shlex.split(unit["ExecStart"]), cwd="/", env=given, umask=int(unit["UMask"], 8), stdout=log, stderr=log
            )
        assert self.notices.recv(100) == b"READY=1", self.log.read_text()

    def stop_service(self) -> None:
        if self.service is not None:
            self.service.send_signal(signal.SIGTERM)
            status, self.service = self.service.wait(60), None
            assert status == 0, self.log.read_text()
        if self.notices is not None:
            self.notices.close()


def find_account() -> tuple[str, str]:
    """The user and the group that this process runs as; they stand for root and for sshcast."""
    return getpass.getuser(), grp.getgrgid(os.getegid()).gr_name


@contextmanager
def bare_machine(folder: Path) -> Iterator[Machine]:
    """A machine on which PostgreSQL and nginx were installed and started, and nothing of sshcast is, until the end."""
    root = folder / "machine"
    for name in FOLDERS[:2]:
        (root / name.removeprefix("/")).mkdir(parents=True)
    for name in ("/etc", "/opt", "/var/lib"):
        (root / name.removeprefix("/")).mkdir(parents=True, exist_ok=True)
    with running(folder / "postgres") as database, _running_nginx(root):
        asyncio.run(_require_passwords(database))
        machine = Machine(root, database, Authority.make(folder, "authority"))
        try:
            yield machine
        finally:
            machine.stop_service()


async def _require_passwords(database: Postgres) -> None:
    """As Debian has it: who comes over the network has a password; only `postgres` needs none."""
    lines = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (database.folder / "data" / "pg_hba.conf").write_text(lines)
    await database.execute("SELECT pg_reload_conf()")


@contextmanager
def _running_nginx(root: Path) -> Iterator[None]:
    user, group = find_account()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {root}/{kind};" for kind in kinds)
    config = root / "nginx.conf"
    config.write_text(NGINX.format(user=user, group=group, folder=root, paths=paths))
    with (root / "nginx.out").open("wb") as out:
        process = subprocess.Popen([find_nginx(), "-c", str(config)], stderr=out)
    try:
        deadline = time.monotonic() + 15
        while not (root / "default.sock").exists():
            assert process.poll() is None, (root / "nginx.out").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(15)
