"""Plain `ssh` beside the service: with a connection that stays open, and with a new one for each command."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.targets import Target

CIPHER = "aes128-gcm@openssh.com"
"""What the service prefers."""


def build_command(folder: Path, target: Target) -> list[str]:
    """The command that runs something on the target, by a connection of its own."""
    key = folder / "key"
    key.write_text(target.private_key)
    key.chmod(0o600)
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes"]
    given = [word for option in [*options, f"Ciphers={CIPHER}"] for word in ("-o", option)]
    address = f"{target.username}@{target.host}"
    return ["ssh", "-F", "/dev/null", "-i", str(key), "-p", str(target.port), *given, address]


@contextmanager
def running_master(folder: Path, target: Target) -> Iterator[list[str]]:
    """A connection that stays open, and the command that runs something on it."""
    *command, address = [*build_command(folder, target)]
    command += ["-o", f"ControlPath={folder / 'control'}"]
    subprocess.run([*command, "-MNf", address], check=True)
    try:
        yield [*command, address]
    finally:
        subprocess.run([*command, "-O", "exit", address], check=True, capture_output=True)
