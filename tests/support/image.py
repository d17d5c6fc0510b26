"""deploy/'s image, built by buildah, and containers of it that podman starts as deploy/compose.yaml says.

No image is fetched: the base that the Dockerfile names is a stand-in of that name, of this machine's Debian release
with Debian's own Python. Packages come from Debian and PyPI. All of it is in one folder, and gone afterwards.
"""

import os
import re
import resource
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
PROGRAMS = ("buildah", "podman", "runc", "catatonit", "mmdebstrap")
IMAGE = "localhost/sshcast"


@dataclass(frozen=True, slots=True)
class Images:
    """A store of images, containers and volumes that the machine's own builders and containers know nothing of."""

    folder: Path

    def podman(self, *args: str, stdin: str = "", status: int = 0) -> str:
        """What podman prints, both streams; it must end with this exit status."""
        return self._run("podman", "--cgroup-manager=cgroupfs", "--runtime=runc", *args, stdin=stdin, status=status)

    def build(self) -> str:
        """What building the Dockerfile of deploy/ printed; in Docker's format, which alone has health checks."""
        options = ["--isolation=chroot", "--format=docker", "--pull-never", f"--file={DOCKERFILE}", f"--tag={IMAGE}"]
        return self._run("buildah", "build", *options, str(ROOT))

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """The image's own files, before any container or volume has changed one."""
        yield Path(self.podman("image", "mount", IMAGE).strip())
        self.podman("image", "unmount", IMAGE)

    def make_base(self) -> None:
        """Put a Debian with Python, as small as one gets, where the Dockerfile's base would be."""
        settings, tarball = self.folder / "pip.conf", self.folder / "base.tar"
        settings.write_text(_format_pip_settings())
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3-venv,ca-certificates"]
        command += ["--dpkgopt=path-exclude=/usr/share/*/*/LC_MESSAGES/*", "--dpkgopt=path-exclude=/usr/share/doc/*"]
        command += ['--customize-hook=ln -s python3 "$1/usr/bin/python"']
        command += [f"--customize-hook=upload {source} {place}" for source, place in _list_uploads(settings)]
        subprocess.run([*command, _read_release(), str(tarball)], check=True, capture_output=True, text=True)
        self.podman("import", str(tarball), f"docker.io/library/{_read_base()}")
        tarball.unlink()

    def _run(self, program: str, *args: str, stdin: str = "", status: int = 0) -> str:
        command = [program, f"--root={self.folder}/store", f"--runroot={self.folder}/run", *args]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == status, done.stdout[-5000:]
        return done.stdout


@contextmanager
def image_store() -> Iterator[Images]:
    """A store in a folder whose path is short, as podman wants it; containers that are left in it end with it."""
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    images = Images(folder)
    try:
        yield images
    finally:
        images.podman("rm", "--all", "--force", "--time=0")
        images.podman("image", "unmount", "--all")
        shutil.rmtree(folder)


def find_missing() -> list[str]:
    """The programs that are not on this machine."""
    return [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]


def read_service(name: str) -> dict[str, Any]:
    """A service of the compose file, what it shares with others merged in."""
    service: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"][name]
    return service


def read_run_options(service: dict[str, Any], **environment: str) -> list[str]:
    """How `podman run` is told what the compose file says of a service, but with the host's network and `environment`.

    Limits of open files and processes are given because podman's own are more than a machine may allow.
    """
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000)
    options = ["--network=host", f"--ulimit=nofile={files}:{files}", "--ulimit=nproc=4096:4096"]
    options += ["--read-only"] if service["read_only"] else []
    options += ["--init"] if service["init"] else []
    options += [f"--env={name}={value}" for name, value in (service["environment"] | environment).items()]
    lists = {"--volume": "volumes", "--tmpfs": "tmpfs", "--cap-drop": "cap_drop", "--security-opt": "security_opt"}
    return options + [f"{option}={value}" for option, key in lists.items() for value in service[key]]


def _read_base() -> str:
    (base,) = set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE))
    return str(base)


def _read_release() -> str:
    (release,) = re.findall(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    return str(release)


def _format_pip_settings() -> str:
    """What pip must know of this machine's network: its authorities, and its index if the environment names one."""
    lines = ["[global]", *(["cert = /etc/machine.pem"] if _find_authorities() else [])]
    index = os.environ.get("PIP_INDEX_URL")
    return "\n".join([*lines, *([f"index-url = {index}"] if index else [])]) + "\n"


def _find_authorities() -> str | None:
    return os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile


def _list_uploads(settings: Path) -> list[tuple[str, str]]:
    authorities = _find_authorities()
    return [(str(settings), "/etc/pip.conf"), *([(authorities, "/etc/machine.pem")] if authorities else [])]
