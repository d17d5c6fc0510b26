"""The service may have as many connections open as the machine allows it, not only the usual 1,024."""

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands

FEW = 512
CODE = """
import resource
from sshcast.descriptors import raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 512))
print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.fixture
def few() -> Iterator[None]:
    """This process may have few files open, and may raise that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_of_open_files_is_raised_to_what_is_allowed() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "512 (512, 512)\n"


@pytest.mark.usefixtures("few")
def test_serve_raises_it_before_it_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = Commands(tmp_path / "data").within("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode != 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > FEW
