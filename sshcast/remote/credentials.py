"""Reads credentials on this machine, as the API takes them."""

from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.words import choose


def read_text(path: Path) -> str:
    """Return a file's text. Raise CommandFailed if it cannot be read."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(choose(f"cannot read {path}: {error}", f"无法读取 {path}：{error}")) from None


def build_credential(
    *, key: Path | None, certificate: Path | None, passphrase: str | None, password: str | None
) -> dict[str, Any] | None:
    """Return a CredentialInput; None if nothing was given. Raise CommandFailed for what does not go together."""
    if key is not None and password is not None:
        raise CommandFailed(
            choose("give either --key FILE or --password-stdin", "--key FILE 与 --password-stdin 只能给出一个")
        )
    if key is None and (certificate is not None or passphrase is not None):
        raise CommandFailed(
            choose(
                "--certificate and --passphrase-stdin go with --key FILE",
                "--certificate 和 --passphrase-stdin 须与 --key FILE 同用",
            )
        )
    if password is not None:
        return {"password": password}
    if key is None:
        return None
    given = {
        "privateKey": read_text(key),
        "passphrase": passphrase,
        "certificate": None if certificate is None else read_text(certificate),
    }
    return {name: value for name, value in given.items() if value is not None}
