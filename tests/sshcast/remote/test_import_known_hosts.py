"""Finding a server's keys in known_hosts files, with `ssh-keygen -F` and the service's own reader as the oracles."""

import shutil
import subprocess
from pathlib import Path

import pytest

from runner.ssh.algorithms import HOST_KEY_TYPES
from runner.ssh.host_keys.known_hosts import is_for, parse_line
from sshcast.remote.imports import known_hosts
from sshcast.remote.imports.known_hosts import read_known_hosts

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("keys")
    found = []
    for number in range(6):
        path = folder / str(number)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
        found.append(path.with_suffix(".pub").read_text().strip())
    return found


@pytest.fixture
def file(tmp_path: Path, keys: list[str]) -> Path:
    path = tmp_path / "known_hosts"
    lines = [
        f"web-1,10.0.0.1 {keys[0]}",
        f"[web-1]:2222 {keys[1]} a comment",
        f"*.example.com,!bad.example.com {keys[2]}",
        f"alias {keys[3]}",
        f"@cert-authority *.corp.example {keys[4]}",
        f"@revoked * {keys[5]}",
        "# a comment",
        "",
        "web-1 ssh-dss AAAAB3NzaC1kc3M=",
        "broken line",
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_types_are_those_that_the_service_accepts() -> None:
    assert set(known_hosts.TYPES) == set(HOST_KEY_TYPES)


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize(
    ("host", "port"), [("web-1", 22), ("web-1", 2222), ("10.0.0.1", 22), ("web-1", 23), ("nowhere", 22)]
)
def test_the_keys_are_those_that_ssh_keygen_finds(file: Path, host: str, port: int, hashed: bool) -> None:
    if hashed:
        file.write_text("\n".join(file.read_text().splitlines()[:-2]) + "\n")  # it refuses files with broken lines
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    name = host if port == 22 else f"[{host}]:{port}"
    shown = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True).stdout
    theirs = [" ".join(line.split()[1:3]) for line in shown.splitlines() if not line.startswith(("#", "@"))]
    ours = read_known_hosts([file]).find_keys(host, port, None)
    assert [each for each in ours if not each.startswith("@")] == [each for each in theirs if "ssh-dss" not in each]


@pytest.mark.parametrize(
    ("host", "port", "alias"),
    [
        ("a.example.com", 22, None),
        ("WEB-1", 22, None),
        ("bad.example.com", 22, None),
        ("x.corp.example", 2222, None),
        ("w", 22, "alias"),
    ],
)
def test_the_lines_are_those_that_the_service_takes_for_the_host(
    file: Path, host: str, port: int, alias: str | None
) -> None:
    lines = [line for text in file.read_text().splitlines()[:6] if (line := parse_line(text)) is not None]
    theirs = [str(line) for line in lines if is_for(line, host, port, alias)]
    trusted = [line for line in theirs if not line.startswith("@revoked")]
    assert read_known_hosts([file]).find_keys(host, port, alias) == (theirs if trusted else [])
