"""A journey: from nothing to TLS behind nginx with PostgreSQL, by typing what docs/deploy.md says, step by step.

Only the folders, ports, host names, accounts and passwords of `Machine.make_changes` are others. Then a person signs in
over https, registers a server, and watches a run live.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Commands
from tests.support.deployment import HOST, Machine, bare_machine
from tests.support.pages import DOCS, read, read_blocks
from tests.support.targets import Target, openssh
from tests.support.typist import PASSWORD, Typist, split_commands, typing_in_bash

__all__ = ["openssh"]

PROGRAMS = ("curl", "systemd-analyze", "nginx", "python3")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
MISSING = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None and not os.environ.get("CI")]
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}"),
]

DATABASE_PASSWORD = "0f2b6d9c41aa"
INSTALL_SECONDS = 600.0
STEPS = 6
# What would change the machine of the test, or needs systemd as its first process: what is done in its place.
NOT_TYPED: Mapping[str, str] = {
    "apt-get install -y nginx postgresql python3-venv sudo": "changes the machine; its programs are there, and started",
    "useradd --system --home-dir /var/lib/sshcast --shell /usr/sbin/nologin sshcast": "changes the machine; "
    "the account that runs the test stands for root and for sshcast",
    "systemctl daemon-reload": "no systemd here; `systemd-analyze verify` reads the unit that was copied",
    "systemctl enable --now sshcast": "no systemd here; the test starts what the unit that was copied says",
}
ANSWERS: Mapping[str, tuple[tuple[bytes, str], ...]] = {
    "sudo -u postgres createuser": ((b"new role: ", DATABASE_PASSWORD), (b"again: ", DATABASE_PASSWORD)),
    "as_sshcast user add": ((b"Password: ", PASSWORD), (b"again: ", PASSWORD)),
    "sshcast login": ((b"Password: ", PASSWORD),),
    "sshcast server add": ((b"[y/N] ", "y"),),
}
LOGIN = """mutation($password: String!) { login(input: {username: "admin", password: $password}) {
  tokens { accessToken } errors { message } } }"""
RUN = """mutation($command: String!) { runCommand(input: {serverId: 1, command: $command}) {
  execution { id } errors { message } } }"""
MUCH = 48_000_000  # several times what the sockets between the service and a watcher take
RUN_MUCH = RUN.replace("command: $command", f"command: $command, outputLimitBytes: {2 * MUCH}")
STREAMED = r'^sshcast_streamed_bytes_total\{transport="sse"\} (\S+)$'
WATCH = """subscription($id: ID!) { executionOutput(executionId: $id) {
  ... on OutputChunk { text } ... on OutputEnd { state exitCode } } }"""


def read_steps() -> list[str]:
    """The blocks of the page's first part, which leads from nothing to HTTPS."""
    return read_blocks(DOCS / "deploy.md")[:STEPS]


@contextmanager
def at_the_machine(folder: Path, target: Target) -> Iterator[tuple[Machine, Typist]]:
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".ssh" / "id_ed25519").write_text(target.private_key)
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    given = {"HOME": str(home), "XDG_CONFIG_HOME": "", "SSHCAST_AS": "", "NO_PROXY": HOST, "PIP_NO_INPUT": "1"}
    with bare_machine(folder) as machine:
        changes = machine.make_changes(DATABASE_PASSWORD)
        commands = Commands(folder / "nothing", given)
        with typing_in_bash(commands, folder, changes=changes, answers=ANSWERS) as typist:
            yield machine, typist


def deploy(machine: Machine, typist: Typist) -> None:
    """Type every step; what is not typed is done otherwise, and copied files get this machine's folders and ports."""
    beside: Mapping[str, Callable[[], None]] = {
        "systemctl daemon-reload": lambda: verify_unit(machine),
        "systemctl enable --now sshcast": machine.start_service,
        "sed -i ": machine.edit_nginx_site,
        "nginx -t": machine.wait_for_https,
    }
    for block in read_steps():
        for command in split_commands(block):
            if command.startswith("/opt/sshcast/bin/pip install --require-hashes"):
                install(machine, typist, command)
            elif command not in NOT_TYPED:
                typist.type(command)
            for start, act in beside.items():
                if command.startswith(start):
                    act()


def install(machine: Machine, typist: Typist, command: str) -> None:
    """Install the packages; without a network those of the tests do, but never in CI."""
    try:
        typist.type(command, INSTALL_SECONDS)
    except AssertionError:
        if os.environ.get("CI"):
            raise
        site = next((machine.root / "opt/sshcast/lib").glob("python*")) / "site-packages"
        (site / "zz-packages.pth").write_text("\n".join(each for each in sys.path if "site-packages" in each))


def verify_unit(machine: Machine) -> None:
    machine.edit_unit()
    done = subprocess.run(["systemd-analyze", "verify", machine.unit], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Caller:
    """A person with curl on their own machine, at an address of their own; `token` once they have signed in."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.headers = ["-H", "Content-Type: application/json"]
        self.command = ["curl", "-sS", "--noproxy", "*", "--interface", "127.0.0.2"]
        self.command += ["--cacert", str(machine.authority.file)]

    def curl(self, path: str, *options: str) -> str:
        url = path if path.startswith("http") else f"{self.machine.url}{path}"
        done = subprocess.run([*self.command, *self.headers, *options, url], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self, path: str) -> str:
        return self.curl(path, "-o", os.devnull, "-w", "%{http_code}")

    def graphql(self, query: str, **variables: str) -> dict[str, Any]:
        answer = json.loads(self.curl("/graphql", "-d", json.dumps({"query": query, "variables": variables})))
        (found,) = answer["data"].values()
        assert found["errors"] == [], answer
        return dict(found)

    def sign_in(self) -> None:
        token = self.graphql(LOGIN, password=PASSWORD)["tokens"]["accessToken"]
        self.headers += ["-H", f"Authorization: Bearer {token}"]

    @contextmanager
    def stream(self, path: str, *options: str) -> Iterator[Iterator[str]]:
        """The lines of an answer, as they come."""
        command = [*self.command, "-N", "--max-time", "60", *self.headers, *options, f"{self.machine.url}{path}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield iter(process.stdout)
            assert process.wait(30) == 0


def test_from_nothing_to_https_and_a_run_that_is_watched_live(openssh: Target, tmp_path: Path) -> None:
    with at_the_machine(tmp_path, openssh) as (machine, typist):
        deploy(machine, typist)
        check_files(machine)
        assert "! proxy" not in typist.type("as_sshcast doctor")
        caller = Caller(machine)
        check_what_is_open(machine, caller)
        sign_in_on_the_command_line(machine, typist, openssh)
        caller.sign_in()
        assert '"address":"127.0.0.2"' in machine.log.read_text()  # the client's, which nginx passes on
        assert "sshcast_build_info" in caller.curl("/metrics")
        watch_by_graphql(caller, tmp_path / "first")
        watch_by_rest(caller, tmp_path / "second")
        watch_without_reading(caller)
        assert typist.type("sshcast execution list -n 5").count("SUCCESS") >= 3
        upgrade(machine, typist, caller)


def check_files(machine: Machine) -> None:
    """Who may read what, as the page says."""
    modes = {"etc/sshcast/sshcast.env": 0o640, "var/lib/sshcast": 0o700, "etc/ssl/sshcast/privkey.pem": 0o600}
    modes |= {f"var/lib/sshcast/{name}": 0o600 for name in ("secret.key", "signing.key")}
    assert {name: stat.S_IMODE((machine.root / name).stat().st_mode) for name in modes} == modes
    assert not list((machine.root / "var/lib/sshcast").glob("*.db"))  # PostgreSQL has it all


def check_what_is_open(machine: Machine, caller: Caller) -> None:
    assert caller.curl("/readyz") == '{"status":"ok"}'
    assert [caller.status(path) for path in ("/metrics", "/api/servers")] == ["401", "401"]
    assert "http/2 200" in caller.curl("/", "-I").lower()
    plain = caller.curl(f"http://{HOST}:{machine.plain_port}/", "-I")
    assert "301" in plain.splitlines()[0]
    assert f"Location: https://{HOST}/" in plain


def sign_in_on_the_command_line(machine: Machine, typist: Typist, target: Target) -> None:
    typist.type("alias sshcast=/opt/sshcast/bin/sshcast")
    typist.type(f"export SSL_CERT_FILE={machine.authority.file}")
    assert "signed in to" in typist.type(f"sshcast login {machine.url} --user admin")
    address = f"--host {target.host} --port {target.port} --user {target.username}"
    typist.type(f"sshcast server add web-1 {address} --key ~/.ssh/id_ed25519 --scan")
    assert "load average" in typist.type("sshcast run web-1 -- uptime")
    typist.type("sshcast doctor")


def make_waiting_command(flag: Path) -> str:
    return f"echo first; until [ -e {flag} ]; do sleep 0.1; done; echo second"


def watch_by_graphql(caller: Caller, flag: Path) -> None:
    """The run ends only once its first words were seen: what is shown is live."""
    id = str(caller.graphql(RUN, command=make_waiting_command(flag))["execution"]["id"])
    body = json.dumps({"query": WATCH, "variables": {"id": id}})
    with caller.stream("/graphql", "-H", "Accept: text/event-stream", "-d", body) as lines:
        assert '"first\\n"' in next(line for line in lines if "first" in line)
        flag.touch()
        rest = "".join(lines)
    assert '"second\\n"' in rest
    assert re.search(r'"state": ?"SUCCESS"', rest)


def watch_by_rest(caller: Caller, flag: Path) -> None:
    id = str(caller.graphql(RUN, command=make_waiting_command(flag))["execution"]["id"])
    with caller.stream(f"/api/task/{id}/log?follow=true") as lines:
        assert next(lines) == "first\n"
        flag.touch()
        assert list(lines) == ["second\n"]
    assert json.loads(caller.curl(f"/api/executions/{id}"))["data"]["state"] == "SUCCESS"


def watch_without_reading(caller: Caller) -> None:
    """A watcher that does not read holds the service's stream back, and nginx does not fill its disk in their place."""
    command = f"yes | head -c {MUCH}"
    id = str(caller.graphql(RUN_MUCH, command=command)["execution"]["id"])
    with caller.stream(f"/api/task/{id}/log?follow=true", "-H", "Accept: text/event-stream", "--http1.1") as lines:
        assert next(lines)
        wait_until(lambda: json.loads(caller.curl(f"/api/executions/{id}"))["data"]["state"] == "SUCCESS", 120)
        assert wait_for_standstill(caller) < MUCH
        assert sum(len(line) for line in lines) > MUCH


def wait_for_standstill(caller: Caller) -> float:
    """How many bytes the service has sent to streams, once it sends no more of them for two seconds."""
    found = [-1.0]

    def stands_still() -> bool:
        time.sleep(2)  # a measurement: what is looked for is that nothing happens
        found.append(float(re.findall(STREAMED, caller.curl("/metrics"), re.MULTILINE)[0]))
        return found[-1] == found[-2] > 0

    wait_until(stands_still, 120)
    return found[-1]


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def upgrade(machine: Machine, typist: Typist, caller: Caller) -> None:
    """`as_sshcast migrate` and a restart, as the page says of upgrades: a durable run goes on meanwhile."""
    flag = machine.root / "third"
    id = str(caller.graphql(RUN, command=make_waiting_command(flag))["execution"]["id"])
    with caller.stream(f"/api/task/{id}/log?wait=30") as lines:
        assert "first" in "".join(lines)
    machine.stop_service()
    typist.type("as_sshcast migrate")
    flag.touch()
    machine.start_service()
    with caller.stream(f"/api/task/{id}/log?follow=true") as lines:
        assert list(lines) == ["first\n", "second\n"]


def test_what_is_not_typed_is_on_the_page_and_both_pages_have_the_same_steps() -> None:
    commands = [command for block in read_steps() for command in split_commands(block)]
    assert set(NOT_TYPED) <= set(commands)
    assert len(commands) == 22
    assert read_blocks(DOCS / "deploy.md") == read_blocks(DOCS / "deploy.zh.md")
    assert "tests/flows/test_deployment.py" in read(DOCS / "deploy.md")
