"""Blocks of shell of the documents, run as they are written: only addresses, ports and folders are a test's."""

import asyncio
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import Authority
from tests.support.commands import Commands
from tests.support.pages import DOCS, read_blocks
from tests.support.ports import free_port
from tests.support.postgres import Postgres, postgres, program
from tests.support.remote import Remote, serving_remotely
from tests.support.typist import PASSWORD, split_commands, typing_in_bash

__all__ = ["postgres"]

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Desk:
    """A terminal's folder, and a demo service that is signed in to from there."""

    remote: Remote
    folder: Path

    def run(self, script: str, **variables: str) -> str:
        """Run a script with bash in the folder. Every command of it must succeed; what it prints."""
        done = self.attempt(script, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(self, script: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        given = self.remote.commands.environment() | {"PATH": f"{self.folder}:{os.environ['PATH']}"} | variables
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        return subprocess.run(command, cwd=self.folder, env=given, capture_output=True, text=True, timeout=120)


def write_program(folder: Path) -> None:
    """`sshcast` of this environment, for a shell whose PATH has the folder."""
    program = folder / "sshcast"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sshcast "$@"\n')
    program.chmod(0o700)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with serving_remotely(tmp_path_factory.mktemp("demo")) as found:
        yield found


@pytest.fixture
def desk(remote: Remote, tmp_path: Path) -> Desk:
    write_program(tmp_path)
    return Desk(remote, tmp_path)


def find_block(page: str, begin: str) -> str:
    (found,) = (text for text in read_blocks(DOCS / page) if text.startswith(begin))
    return found


def test_a_service_is_exported_and_applied_to_another(desk: Desk) -> None:
    """`old` is the demo, `new` is empty; what is not exported, the key, is in the variable that the file names."""
    *same, across = split_commands(find_block("apply.md", "sshcast export"))
    new = Commands(desk.folder / "new")
    assert new.within("user", "add", "admin", "--role", "admin", "--password-stdin", stdin=PASSWORD).returncode == 0
    with new.serving() as url:
        own, sign_in = {"XDG_CONFIG_HOME": str(desk.folder / "config")}, "--user admin --password-stdin"
        desk.run(f"echo '{PASSWORD}' | sshcast login {url} --name new {sign_in}", **own)
        options = f"--name old --ca-file {desk.remote.ca_file} {sign_in}"
        desk.run(f"echo '{desk.remote.password}' | sshcast login {desk.remote.url} {options}", **own)
        desk.run("\n".join(same), **own)  # its exit status says that the dry run found nothing to change
        (name,) = set(re.findall(r"env: (\w+)", (desk.folder / "fleet.yaml").read_text()))
        key = (desk.remote.commands.data.parent / "service/demo/demo_client_key").read_text()
        assert desk.attempt(across, **own).returncode == 1  # the key's variable is not set
        desk.run(across, **own, **{name: key})
        assert "demo" in desk.run("sshcast server list --context new", **own)
        assert "Hello from the demo target" in desk.run("sshcast task list --context new", **own)


def test_a_loop_of_curl_copies_an_output(desk: Desk) -> None:
    desk.run("sshcast run demo -- 'for n in 1 2 3; do echo line $n; sleep 0.2; done'")
    (run,) = re.findall(r'"id": ?"?(\d+)', desk.run("sshcast execution list -n 1 --json"))[:1]
    token = desk.run("sshcast personal-token add loop --scope read").strip()
    (desk.folder / "header").write_text(f"Authorization: Bearer {token}\n")
    own = {"SSHCAST_URL": desk.remote.url, "run": run, "CURL_CA_BUNDLE": str(desk.remote.ca_file), "NO_PROXY": "*"}
    desk.run(find_block("clients.md", ": >log"), **own)
    assert (desk.folder / "log").read_text() == "line 1\nline 2\nline 3\n"


def test_a_user_is_granted_a_role_on_a_tag(desk: Desk) -> None:
    variables = desk.remote.commands.variables | {"PATH": f"{desk.folder}:{os.environ['PATH']}"}
    commands = Commands(desk.remote.commands.data, variables)
    answers = {"sshcast user add": ((b"Password: ", PASSWORD), (b"again: ", PASSWORD))}
    with typing_in_bash(commands, desk.folder, changes={}, answers=answers) as typist:
        for command in split_commands(find_block("security.md", "sshcast user add")):
            typist.type(command)
        assert re.search(r"grace.*operator", typist.type("sshcast user list"), re.IGNORECASE | re.DOTALL)


def test_a_file_whose_name_is_in_gbk_is_found(desk: Desk) -> None:
    (desk.folder / os.fsdecode("中文.txt".encode("gbk"))).write_text("found\n")
    script = f"cd {desk.folder}\n{find_block('encodings.md', 'cat ')}"
    assert desk.run(f"sshcast run demo -- {shlex.quote(script)}") == "found\nfound\n"


def test_the_settings_of_an_identity_provider_are_taken(desk: Desk) -> None:
    show = "from sshcast.settings import Settings; print(Settings().oidc_role_map)"
    shown = desk.run(f"set -a\n{find_block('security.md', 'SSHCAST_PUBLIC_URL')}\n{sys.executable} -c '{show}'")
    assert "operator" in shown
    assert "admin" in shown
    broken = find_block("security.md", "SSHCAST_PUBLIC_URL").replace("ops=operator", "ops=operators")
    assert desk.attempt(f"set -a\n{broken}\n{sys.executable} -c '{show}'").returncode != 0


def test_a_service_serves_https_by_itself(tmp_path: Path) -> None:
    authority, port = Authority.make(tmp_path, "authority"), free_port()
    certificate, key = authority.sign("localhost")
    changes = {"8443": str(port), "fullchain.pem": str(certificate), "privkey.pem": str(key)}
    words = [changes.get(word, word) for word in shlex.split(find_block("deploy.md", "sshcast serve"))]
    with (tmp_path / "log").open("wb") as log:
        process = Commands(tmp_path / "data").start(*words[1:], stderr=log.fileno())
        try:
            wait_for_https(f"https://localhost:{port}/readyz", authority, process)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (tmp_path / "log").read_text()


def wait_for_https(url: str, authority: Authority, process: "subprocess.Popen[bytes]") -> None:
    trusting, deadline = ssl.create_default_context(cafile=str(authority.file)), time.monotonic() + 60
    with httpx2.Client(verify=trusting, trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                assert client.get(url).status_code == 200
                return
            except httpx2.TransportError:
                time.sleep(0.05)
    raise AssertionError("the service does not answer by https")


def test_a_database_is_dumped_and_restored(postgres: Postgres, tmp_path: Path) -> None:
    write_program(tmp_path)
    asyncio.run(postgres.execute("DROP DATABASE IF EXISTS sshcast WITH (FORCE)"))
    asyncio.run(postgres.execute("CREATE DATABASE sshcast"))
    own = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "postgres", "XDG_CONFIG_HOME": str(tmp_path)}
    programs = f"{tmp_path}:{Path(program('pg_dump')).parent}:{os.environ['PATH']}"
    service = Commands(tmp_path / "data", own | {"SSHCAST_DATABASE_URL": postgres.url("sshcast"), "PATH": programs})
    desk = Desk(Remote(service, "", tmp_path, "", tmp_path), tmp_path)
    desk.run("sshcast migrate", PATH=programs)
    service.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    service.output("secrets", "rotate")
    dump = find_block("operations.md", "pg_dump").replace("/var/lib/sshcast", str(service.data))
    desk.run(dump, PATH=programs)
    assert (tmp_path / "secret.key.backup").read_bytes() == (service.data / "secret.key").read_bytes()
    asyncio.run(postgres.execute("DROP DATABASE sshcast"))
    try:
        desk.run(find_block("operations.md", "createdb"), PATH=programs)
        assert "alice" in desk.run("sshcast user list", PATH=programs)
    finally:
        asyncio.run(postgres.execute("DROP DATABASE IF EXISTS sshcast WITH (FORCE)"))
