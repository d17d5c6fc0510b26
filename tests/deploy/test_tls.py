"""`sshcast serve` with a certificate: HTTPS over real sockets, and certificates that are replaced while it serves."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
import time_machine
from cryptography import x509
from websockets.asyncio.client import connect

from sshcast.http.listener import start_http_server
from sshcast.http.tls import CertificateFiles, LiveCertificate
from tests.support.certificates import Authority
from tests.support.commands import Commands
from tests.support.listening import GET, Seen, answer_of, choose_stack
from tests.support.ports import free_port
from tests.support.service import running

NAME = "sshcast.example"


@dataclass(frozen=True, slots=True)
class Site:
    """A service with TLS: its port, who signed its certificate, and what it logs."""

    port: int
    authority: Authority
    certificate: Path
    key: Path
    log: Path

    def shake_hands(self, name: str | None = NAME, **options: Any) -> tuple[x509.Certificate, str]:
        """The certificate that the service shows to who asks for `name`, and the version of TLS."""
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.check_hostname = name is not None
        for option, value in options.items():
            setattr(context, option, value)
        with (
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
            assert shown is not None
            return x509.load_der_x509_certificate(shown), wrapped.version() or ""

    def ask(self, path: str, **headers: str) -> httpx2.Response:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        url = f"https://127.0.0.1:{self.port}{path}"
        extensions = {"sni_hostname": NAME}
        with httpx2.Client(verify=context, trust_env=False) as client:
            return client.get(url, headers={"Host": NAME} | headers, extensions=extensions)

    def replace(self, *pair: Path) -> None:
        """Put the pair in the place of the one that is served, a file after the other, as renewals do."""
        for new, old in zip(pair, (self.certificate, self.key), strict=True):
            os.replace(new, old)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Site]:
    """`sshcast serve` with TLS in a process of its own, until the block ends."""
    authority = Authority.make(folder, "authority")
    certificate, key = authority.sign(NAME)
    port, log = free_port(), folder / "serve.log"
    site = Site(port, authority, certificate, key, log)
    commands = Commands(folder / "data", {"SSHCAST_ALLOWED_HOSTS": NAME})
    pair = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with log.open("ab") as stream:
        process = commands.start("serve", "--port", str(port), *pair, *options, stderr=stream.fileno())
        try:
            wait_for(lambda: is_serving(port, process))
            yield site
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def is_serving(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "the service did not start"
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("tls")) as made:
        yield made


def test_the_service_is_there_by_https_under_its_name_and_says_to_come_by_https_only(site: Site) -> None:
    answer = site.ask("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.anyio
@pytest.mark.parametrize(("seconds", "policy"), [("0", None), ("1", "max-age=1")])
async def test_how_long_browsers_are_to_come_by_https_only_can_be_set_and_switched_off(
    seconds: str, policy: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSHCAST_HSTS_SECONDS", seconds)
    async with running(tmp_path, public_url=f"https://{NAME}") as api:
        answer = await api.http.get("/healthz", headers={"Host": NAME})
    assert answer.status_code == 200
    assert answer.headers.get("strict-transport-security") == policy


def test_a_name_of_this_machine_is_not_bound_to_https(site: Site) -> None:
    assert "strict-transport-security" not in site.ask("/healthz", Host=f"localhost:{site.port}").headers


def test_the_log_says_the_address_with_https(site: Site) -> None:
    assert f"https://127.0.0.1:{site.port}/graphql" in site.log.read_text()


def test_tls_1_1_is_refused_and_1_2_and_1_3_are_served(site: Site) -> None:
    newest, oldest = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    assert site.shake_hands(minimum_version=newest)[1] == "TLSv1.3"
    assert site.shake_hands(maximum_version=oldest)[1] == "TLSv1.2"
    with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises(OSError, match=r"(?i)ssl|reset|eof"):
        old_hands(site)


def old_hands(site: Site) -> None:
    context = ssl.create_default_context(cafile=str(site.authority.file))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", site.port), 10) as plain:
        context.wrap_socket(plain, server_hostname=NAME)


def test_a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        first, _ = site.shake_hands()
        renewed = tmp_path / "renewed"
        renewed.mkdir()
        signer = Authority(renewed, site.authority.file, site.authority.name, site.authority.key)
        site.replace(*signer.sign(NAME))
        wait_for(lambda: site.shake_hands()[0] != first)
        second, _ = site.shake_hands()
        assert site.shake_hands(None)[0] == second  # who names no host is shown the same

        site.key.write_text("not a key")
        wait_for(lambda: "the certificate was not reloaded" in site.log.read_text())
        assert site.shake_hands()[0] == second
        certificate, key = signer.sign(NAME)
        os.replace(certificate, site.certificate)
        wait_for(lambda: site.log.read_text().count("the certificate was not reloaded") == 2)
        assert site.shake_hands()[0] == second
        os.replace(key, site.key)
        wait_for(lambda: site.shake_hands()[0] != second)
        assert site.ask("/healthz").status_code == 200


def test_who_speaks_no_tls_leaves_no_traceback_and_is_cut(site: Site) -> None:
    before = site.log.read_text()
    with socket.create_connection(("127.0.0.1", site.port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionResetError):
            while plain.recv(4096):
                pass
    with socket.create_connection(("127.0.0.1", site.port), 10) as silent:
        began = time.monotonic()
        silent.settimeout(20)
        assert silent.recv(10) == b""
        assert 3 < time.monotonic() - began < 15
    assert site.ask("/healthz").status_code == 200
    assert site.log.read_text() == before


def certificate_of(folder: Path, kind: str) -> tuple[Path, Path]:
    """A pair of files that cannot be used, and how."""
    authority = Authority.make(folder, "authority")
    certificate, key = authority.sign(NAME, password="word" if kind == "encrypted" else None)
    if kind == "not there":
        key.unlink()
    elif kind == "another's":
        key = authority.sign("other.example")[1]
    elif kind == "no certificate":
        certificate.write_text("hello")
    elif kind == "no key":
        key.write_text("hello")
    elif kind == "a folder":
        certificate = folder
    return certificate, key


REFUSALS = {
    "encrypted": "SSHCAST_TLS_KEY: {key} is encrypted, and nobody is there to type its passphrase",
    "not there": "SSHCAST_TLS_KEY: {key} cannot be read (No such file or directory)",
    "another's": "SSHCAST_TLS_KEY: {key} is not the key of the first certificate in {certificate}",
    "no certificate": "SSHCAST_TLS_CERT: {certificate} holds no certificate in PEM form",
    "no key": "SSHCAST_TLS_KEY: {key} holds no private key in PEM form",
    "a folder": "SSHCAST_TLS_CERT: {certificate} cannot be read (Is a directory)",
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_cannot_be_used_is_refused_with_the_file_and_the_reason(tmp_path: Path, kind: str) -> None:
    certificate, key = certificate_of(tmp_path, kind)
    done = Commands(tmp_path / "data").within("serve", "--tls-cert", str(certificate), "--tls-key", str(key))
    assert done.returncode == 1
    assert REFUSALS[kind].format(certificate=certificate, key=key) in done.stderr.decode().replace("\n", " ")


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    done = Commands(tmp_path / "data").within("serve", "--tls-cert", "a.pem")
    assert done.returncode == 1
    assert b"SSHCAST_TLS_CERT: needs SSHCAST_TLS_KEY too" in done.stderr


def test_an_old_certificate_and_an_open_key_are_told_but_served(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, "authority")
    certificate, key = authority.sign(NAME)
    key.chmod(0o644)
    with structlog.testing.capture_logs() as told, time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
        LiveCertificate(CertificateFiles(certificate, key))
    assert [each["event"] for each in told] == [
        "the certificate has expired: clients refuse it",
        "every user of this machine may read the TLS key: chmod o= it",
    ]


def test_beyond_this_machine_a_certificate_does_as_well_as_a_proxy(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as site:
        assert site.ask("/healthz").status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": loop}) for loop in (False, True)])
async def test_both_event_loops_and_parsers_serve_https_and_wss(
    tmp_path: Path, anyio_backend: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = "uvloop" if asyncio.get_running_loop().__class__.__module__.startswith("uvloop") else "asyncio"
    choose_stack(loop, monkeypatch)
    authority = Authority.make(tmp_path, "authority")
    certificate = LiveCertificate(CertificateFiles(*authority.sign(NAME)))
    trusting = ssl.create_default_context(cafile=str(authority.file))
    listener, seen = socket.create_server(("127.0.0.1", 0)), Seen()
    port = listener.getsockname()[1]
    async with start_http_server(seen.app(), listener, certificate=certificate):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=NAME)
        writer.write(GET)
        assert (await answer_of(reader))[1] == b"hello"
        writer.close()
        async with connect(
            f"wss://{NAME}:{port}/ws", host="127.0.0.1", ssl=trusting, server_hostname=NAME, proxy=None
        ) as opened:
            await opened.send("by wss")
            assert await opened.recv() == "by wss"
