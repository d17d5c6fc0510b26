"""The image of deploy/, built and started for real: as nobody's user, without any right, on a read-only root."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.image import IMAGE, Images, find_missing, image_store, read_run_options, read_service
from tests.support.ports import free_port
from tests.support.postgres import running
from tests.support.targets import Target, running_sshd

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]
HOST = "sshcast.example.com"
PASSWORD = "a long enough password"
ADD = "mutation($server: CreateServerInput!) { createServer(input: $server) { errors { message } } }"
RUN = """mutation { runCommand(input: { serverId: "1", command: "echo from the image", wait: 30 }) {
  errors { message } execution { state output { parts { text } } } } }"""
CHECK = (
    "id -u; grep -E '^(CapBnd|NoNewPrivs)' /proc/self/status; touch /x /opt/sshcast/x; touch /data/x /tmp/x && echo ok"
)


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    if os.geteuid() != 0 or (missing := find_missing()):
        why = "needs root" if os.geteuid() != 0 else f"not on this machine: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    with image_store() as images:
        images.make_base()
        yield images


def test_the_image_is_built_and_serves_as_the_compose_file_starts_it(images: Images, tmp_path: Path) -> None:
    built = images.build()
    assert "Installing build dependencies" not in built  # which no hash would be required of
    with images.mounted() as files:  # podman would give a volume to the user who starts with it, and Docker does not
        data = (files / "data").stat()
    assert (data.st_uid, data.st_gid, stat.S_IMODE(data.st_mode)) == (10001, 10001, 0o700)
    with running(tmp_path / "postgres") as database, running_sshd(tmp_path) as target:
        port = str(free_port())
        given = {"SSHCAST_DATABASE_URL": database.url("postgres"), "SSHCAST_PUBLIC_URL": f"https://{HOST}"}
        migrate, serve = (
            read_run_options(read_service(name), SSHCAST_PORT=port, **given) for name in ("migrate", "sshcast")
        )
        images.podman("run", "--rm", *migrate, IMAGE, *read_service("migrate")["command"])
        images.podman("run", "--detach", "--name=service", *serve, IMAGE)
        wait_until_ready(images, port)
        images.podman("healthcheck", "run", "service")
        assert_it_has_no_rights(images)
        add = ["sshcast", "user", "add", "admin", "--role", "admin", "--password-stdin"]
        images.podman("exec", "--interactive", "service", *add, stdin=PASSWORD)
        run_a_command(port, target)
        grace = read_service("sshcast")["stop_grace_period"].removesuffix("s")
        images.podman("stop", f"--time={grace}", "service")
        assert images.podman("inspect", "--format={{.State.ExitCode}}", "service").strip() == "0"


def wait_until_ready(images: Images, port: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and "true" in images.podman("inspect", "--format={{.State.Running}}", "service"):
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    pytest.fail(images.podman("logs", "service"))


def assert_it_has_no_rights(images: Images) -> None:
    shown = images.podman("exec", "service", "sh", "-c", CHECK).splitlines()
    assert [line.split()[-1] for line in shown if "touch" not in line] == ["10001", "0" * 16, "1", "ok"]
    assert [line.partition(": ")[2] for line in shown if "touch" in line] == [
        f"cannot touch '{name}': Read-only file system" for name in ("/x", "/opt/sshcast/x")
    ]


def run_a_command(port: str, target: Target) -> None:
    """Sign in as the proxy would pass it on, register an SSH server, and run a command there."""
    server = {
        "name": "web-1",
        "host": target.host,
        "port": target.port,
        "username": target.username,
        "hostKeys": [target.host_key],
        "credential": {"privateKey": target.private_key},
    }
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": HOST}, trust_env=False) as http:
        answer = http.post("/api/auth/login", json={"username": "admin", "password": PASSWORD}).json()
        http.headers["Authorization"] = f"Bearer {answer['data']['access_token']}"
        http.post("/graphql", json={"query": ADD, "variables": {"server": server}})
        ran = http.post("/graphql", json={"query": RUN}, timeout=60).json()
    assert ran["data"]["runCommand"]["execution"] == {
        "state": "SUCCESS",
        "output": {"parts": [{"text": "from the image\n"}]},
    }
