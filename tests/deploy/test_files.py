"""What of deploy/ can be checked without a machine of its own: the unit, the image's recipe, the compose file."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sshcast.commands.schema import format_schema
from sshcast.settings import Settings
from tests.support.commands import Commands
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
SETTINGS = {f"SSHCAST_{name.upper()}" for name in Settings.model_fields}
UNIT = (DEPLOY / "systemd" / "sshcast.service").read_text()


def steps() -> list[tuple[str, list[str]]]:
    """The image's recipe: each instruction with its words."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, shlex.split(rest)) for word, rest in lines]


def copied() -> list[str]:
    """What of the checkout gets into the image."""
    return [each for word, words in steps() if word == "COPY" and "--from" not in words[0][:6] for each in words[:-1]]


def test_the_unit_is_one_that_systemd_takes_and_calls_well_protected(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI"):
            pytest.fail("no systemd-analyze on this machine: apt-get install systemd", pytrace=False)
        pytest.skip("no systemd-analyze on this machine")
    unit = tmp_path / "sshcast.service"
    unit.write_text(UNIT.replace("/opt/sshcast/bin/sshcast", str(Path(sys.executable).parent / "sshcast")))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=True
    )
    assert float(re.findall(r"exposure level for sshcast.service: ([\d.]+)", rated.stdout)[0]) < 2.5


def test_a_stop_has_longer_than_the_service_needs_for_one() -> None:
    stop = int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[0])
    assert stop >= 3 * Settings.model_fields["drain_seconds"].default
    assert "\nType=notify\n" in UNIT


def test_systemd_is_told_when_the_service_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(address))
        told.settimeout(60)
        process = Commands(tmp_path / "data", {"NOTIFY_SOCKET": str(address)}).start(
            "serve", "--port", f"{free_port()}"
        )
        try:
            assert told.recv(100) == b"READY=1"
        finally:
            process.terminate()
            assert process.wait(30) == 0
        assert told.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("form", ["gone", "refused"])
def test_a_service_whose_notify_socket_is_gone_stops_cleanly_and_says_so_in_one_line(form: str, tmp_path: Path) -> None:
    address, log = tmp_path / "notify", tmp_path / "serve.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, log.open("wb") as stream:
        told.bind(str(address))
        told.settimeout(60)
        commands = Commands(tmp_path / "data", {"NOTIFY_SOCKET": str(address)})
        process = commands.start("serve", "--port", f"{free_port()}", stderr=stream.fileno())
        try:
            assert told.recv(100) == b"READY=1"
            if form == "gone":
                address.unlink()
            told.close()
        finally:
            process.terminate()
            assert process.wait(30) == 0
    lines = log.read_text().splitlines()
    after = lines[next(place for place, line in enumerate(lines) if "stopping" in line) + 1 :]
    assert len(after) == 1, after
    assert "systemd was not told" in after[0]
    assert "STOPPING=1" in after[0]


def test_what_the_image_copies_is_there_and_passes_the_list_of_what_is_sent_to_its_builder() -> None:
    sent = [line.removeprefix("!") for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()]
    assert copied()
    assert [name for name in copied() if not (ROOT / name).exists() or name.removeprefix("./") not in sent] == []


def test_from_what_the_image_copies_a_whole_package_is_built(tmp_path: Path) -> None:
    source, built = tmp_path / "source", tmp_path / "built"
    source.mkdir()
    leave = shutil.ignore_patterns("__pycache__", "graphiql")
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=leave)
        elif not name.startswith("deploy/"):
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next((tmp_path / "wheels").glob("*.whl"))) as file:
        file.extractall(built)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(built)}
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "sshcast", "schema"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert shown.stdout == format_schema(), shown.stderr
    assert any((built / "sshcast" / "console" / "examples").iterdir())


def test_the_image_does_not_run_as_root_and_keeps_nothing_but_its_data() -> None:
    last = max(number for number, (word, _) in enumerate(steps()) if word == "FROM")
    words = dict(steps()[last:])
    assert words["USER"] == ["10001:10001"]
    assert words["VOLUME"] == ["/data"]
    assert words["CMD"] == ["[serve]"]
    names = {pair.partition("=")[0] for word, pairs in steps() if word == "ENV" for pair in pairs}
    assert {name for name in names if name.startswith("SSHCAST_")} <= SETTINGS


@pytest.mark.parametrize("form", ["http", "https"])
def test_the_health_check_asks_the_service_and_fails_without_it(tmp_path: Path, form: str) -> None:
    port = str(free_port())
    environment = {"SSHCAST_PORT": port} | ({"SSHCAST_TLS_CERT": "x"} if form == "https" else {})
    check = [sys.executable, str(DEPLOY / "healthcheck.py")]
    assert subprocess.run(check, env=environment, capture_output=True).returncode == 1
    if form == "http":
        with Commands(tmp_path / "data").serving() as url:
            environment["SSHCAST_PORT"] = url.rpartition(":")[2]
            assert subprocess.run(check, env=environment, capture_output=True).returncode == 0


def test_the_compose_file_sets_only_settings_and_takes_every_right_away() -> None:
    made: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name in ("migrate", "sshcast"):
        service = made["services"][name]
        assert set(service["environment"]) <= SETTINGS
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert made["services"]["migrate"]["command"] == ["migrate"]
    assert made["services"]["sshcast"]["ports"] == ["127.0.0.1:8000:8000"]  # TLS is the proxy's
    assert set(made["volumes"]) == {"data", "database"}
