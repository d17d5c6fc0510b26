"""Makes hosts to import out of ssh's configuration."""

import getpass
import os
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sshcast.remote.imports.hosts import ImportedHost, Unreadable
from sshcast.remote.imports.jumps import parse_jumps, parse_proxy_command
from sshcast.remote.imports.ssh_config import SshConfig
from sshcast.words import Bilingual

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
Values = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SshHosts:
    """The hosts of a configuration. `user`: the account where the configuration names none."""

    config: SshConfig
    user: str

    def list_names(self) -> Sequence[str]:
        """Return the names that Host lines have, without those that are patterns."""
        return tuple(self.config.names)

    def find(self, name: str) -> ImportedHost:
        """Return what `ssh NAME` would connect to. What cannot be taken over is its fault."""
        where = self.config.names.get(name, Bilingual("no Host line of its own", "没有自己的 Host 行"))
        try:
            return self._read(name, where, self.config.resolve(name))
        except Unreadable as error:
            return ImportedHost(name=name, host=name, where=where, fault=error.reason)

    def _read(self, name: str, where: str, values: Values) -> ImportedHost:
        def get(keyword: str) -> str | None:
            return next(iter(values.get(keyword, ())), None)

        host = _expand(get("hostname") or name, {"h": name})
        port = _parse_port(get("port"))
        user = get("user") or self.user
        tokens = _list_tokens(name, host, port, user, get("hostkeyalias") or name)
        files = [_expand_path(each, tokens) for each in values.get("identityfile", ()) if each.lower() != "none"]
        certificates = [_expand_path(each, tokens) for each in values.get("certificatefile", ())]
        jump, command = get("proxyjump"), get("proxycommand")
        jumps = parse_jumps(_expand(jump, tokens)) if jump is not None else ()
        return ImportedHost(
            name=name,
            host=host,
            where=where,
            port=port,
            user=user,
            keys=tuple(files),
            certificate=next((each for each in certificates if Path(each).is_file()), None),
            jumps=jumps if command is None else parse_proxy_command(command),
            alias=get("hostkeyalias"),
        )


def _list_tokens(name: str, host: str, port: int, user: str, alias: str) -> dict[str, str]:
    """Return what the tokens of ssh_config(5) stand for; %C and %j alone are not known."""
    machine = socket.gethostname()
    return {
        "d": str(Path.home()),
        "h": host,
        "i": str(os.getuid()),
        "k": alias,
        "L": machine.split(".")[0],
        "l": machine,
        "n": name,
        "p": str(port),
        "r": user,
        "u": getpass.getuser(),
    }


def _expand(text: str, tokens: dict[str, str]) -> str:
    def put(found: "re.Match[str]") -> str:
        letter = found[1]
        if letter == "%":
            return "%"
        if letter not in tokens:
            raise Unreadable(f"{text}: the token %{letter} is not known here", f"{text}：此处不支持标记 %{letter}")
        return tokens[letter]

    return _replace(r"%(.?)", put, text)


def _expand_path(text: str, tokens: dict[str, str]) -> str:
    def put(found: "re.Match[str]") -> str:
        value = os.environ.get(found[1])
        if value is None:
            raise Unreadable(f"{text}: there is no variable {found[1]}", f"{text}：没有变量 {found[1]}")
        return value

    path = _expand(_replace(VARIABLE.pattern, put, text), tokens)
    return str(Path(path).expanduser()) if path.startswith("~") else path


def _replace(pattern: str, put: "Callable[[re.Match[str]], str]", text: str) -> str:
    return re.sub(pattern, put, text, flags=re.DOTALL)


def _parse_port(text: str | None) -> int:
    if text is None:
        return 22
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise Unreadable(f"Port {text} is no port", f"Port {text} 不是端口")
    return int(text)
