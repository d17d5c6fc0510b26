"""The demo: everything on this machine, one real run over the API, and nothing that others could reach."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.support.commands import Commands
from tests.support.ports import free_port

SIX_STEPS = [f"* step {n} of 6 on Linux" for n in range(1, 7)]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    return Commands(tmp_path_factory.mktemp("demo") / "data")


def once(commands: Commands, *more: str) -> "subprocess.CompletedProcess[bytes]":
    return commands.run("demo", "--once", *more)


def test_once_runs_a_real_command_shows_its_output_and_ends_well(commands: Commands) -> None:
    done = once(commands, "--port", str(free_port()))
    assert done.returncode == 0, done.stderr.decode()
    shown = done.stdout.decode()
    assert all(step in shown for step in SIX_STEPS)
    assert "all done" in shown
    assert "[SUCCESS] exit status 0" in shown
    assert done.stderr.decode().splitlines()[:2] == [
        "· Loading the service / 正在加载服务",
        "· Opening the database and its keys / 正在打开数据库和密钥",
    ]


@pytest.fixture(scope="module")
def second(commands: Commands) -> "tuple[int, subprocess.CompletedProcess[bytes]]":
    """A start after the first one, at a port that is busy; the port."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        return port, once(commands, "--port", str(port))


def test_a_second_start_finds_what_the_first_one_left(
    second: "tuple[int, subprocess.CompletedProcess[bytes]]",
) -> None:
    assert second[1].returncode == 0


def test_its_folder_and_keys_are_for_their_owner_only(commands: Commands) -> None:
    folder = commands.data / "demo"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} >= {"signing.key", "secret.key", "demo_host_key", "sshcast.db"}
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_busy_port_is_said_and_the_next_free_one_taken(
    second: "tuple[int, subprocess.CompletedProcess[bytes]]",
) -> None:
    port, done = second
    assert done.returncode == 0
    assert re.search(rf"Port {port} is busy, so this uses \d+", done.stdout.decode())


def test_it_refuses_to_bind_beyond_loopback(commands: Commands) -> None:
    done = commands.within("demo", "--once", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert b"loopback only" in done.stderr


def test_it_fails_when_the_run_does(tmp_path: Path) -> None:
    """The sample run takes longer than it may."""
    short = Commands(tmp_path / "data", {"SSHCAST_DEFAULT_TIMEOUT": "1"})
    done = once(short, "--port", str(free_port()))
    assert done.returncode == 1
    assert b"[TIMEOUT]" in done.stdout


def test_it_stays_up_with_the_page_the_api_and_a_link_that_signs_in_once(commands: Commands) -> None:
    process = commands.start("demo", "--port", str(free_port()), stdout=subprocess.PIPE)
    assert process.stdout is not None
    shown = ""
    while "It stays up" not in shown:
        line = process.stdout.readline().decode()
        assert line, shown
        shown += line
    url = re.search(r"http://127\.0\.0\.1:\d+", shown)
    code = re.search(r"#code=([\w-]+)", shown)
    assert url is not None
    assert code is not None
    with httpx2.Client(base_url=url[0], trust_env=False) as client:
        assert client.get("/graphql", headers={"Accept": "text/html"}).status_code == 200
        assert client.get("/api/tasks").status_code == 401
        first = client.post("/api/auth/link", json={"code": code[1]})
        assert first.status_code == 200
        assert client.post("/api/auth/link", json={"code": code[1]}).status_code == 401
        token = first.json()["data"]["access_token"]
        tasks = client.get("/api/tasks", headers={"Authorization": f"Bearer {token}"}).json()
        assert tasks["total"] == 3
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()
