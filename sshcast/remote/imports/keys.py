"""Finds the private key that a host is signed in to with, and asks for its passphrase where it has one."""

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sshcast.remote.asking import ask_hidden
from sshcast.remote.imports.hosts import ImportedHost, Unreadable

USUAL = ("id_rsa", "id_ecdsa", "id_ed25519")
"""The keys that ssh tries where none is named, but for those on tokens and of types that are not accepted."""
MAGIC = b"openssh-key-v1\0"


@dataclass(slots=True)
class Keys:
    """The credentials of the hosts. `key` and `password` are for hosts that name no key; `can_ask` for passphrases."""

    key: Path | None
    password: str | None
    passphrase: str | None
    can_ask: bool
    _passphrases: dict[str, str] = field(default_factory=dict)

    def check(self, host: ImportedHost) -> None:
        """Raise Unreadable if there is no credential for a host that can be used."""
        path = self._find_key(host)
        if path is None or self.passphrase is not None or self.can_ask:
            return
        if _is_encrypted(_read_key(path)):
            raise Unreadable(
                f"{path} has a passphrase, and there is no terminal to ask on: give --passphrase-stdin",
                f"{path} 有口令，而没有可供询问的终端：请给出 --passphrase-stdin",
            )

    def build_credential(self, host: ImportedHost) -> dict[str, Any]:
        """Return a host's credential, a CredentialInput. Raises Unreadable."""
        path = self._find_key(host)
        if path is None:
            return {"password": host.password or self.password}
        found = {"privateKey": _read_key(path)}
        if _is_encrypted(found["privateKey"]):
            found["passphrase"] = self._find_passphrase(path)
        if host.certificate is not None:
            found["certificate"] = _read_key(Path(host.certificate))
        return found

    def _find_key(self, host: ImportedHost) -> Path | None:
        """Return the file of a host's key; None if it has a password."""
        if host.keys:
            existing = [path for each in host.keys if (path := Path(each)).is_file()]
            if not existing:
                names = ", ".join(host.keys)
                raise Unreadable(f"its key is not on this machine: {names}", f"其密钥不在本机：{names}")
            return existing[0]
        if host.password is not None:
            return None
        if self.key is not None:
            return self.key
        return None if self.password is not None else _find_usual_key()

    def _find_passphrase(self, path: Path) -> str:
        if self.passphrase is not None:
            return self.passphrase
        if str(path) not in self._passphrases:
            self._passphrases[str(path)] = ask_hidden(f"Passphrase of {path}: ", f"{path} 的口令：")
        return self._passphrases[str(path)]


def _find_usual_key() -> Path:
    found = [path for name in USUAL if (path := Path.home() / ".ssh" / name).is_file()]
    if not found:
        raise Unreadable(
            "it names no key, and there is none in ~/.ssh: give --key FILE or --password-stdin",
            "它没有指定密钥，~/.ssh 中也没有：请给出 --key FILE 或 --password-stdin",
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise Unreadable(
            f"it names no key, and there are several in ~/.ssh ({names}): give --key FILE",
            f"它没有指定密钥，而 ~/.ssh 中有多个（{names}）：请给出 --key FILE",
        )
    return found[0]


def _read_key(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"cannot read {path}: {error}", f"无法读取 {path}：{error}") from None


def _is_encrypted(text: str) -> bool:
    """Tell whether a private key has a passphrase, by its header, or by the cipher that OpenSSH's own form names."""
    if "ENCRYPTED" in text:
        return True
    lines = text.strip().splitlines()
    if not lines or "OPENSSH PRIVATE KEY" not in lines[0]:
        return False
    try:
        data = base64.b64decode("".join(lines[1:-1]))
    except binascii.Error:
        return False
    length = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "big")
    return data[len(MAGIC) + 4 : len(MAGIC) + 4 + length] != b"none"
