"""Makes hosts to import out of an Ansible inventory; its groups become their tags."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshcast.remote.credentials import read_text
from sshcast.remote.imports.ansible_folders import add_folders
from sshcast.remote.imports.ansible_groups import Groups, Variables
from sshcast.remote.imports.ansible_ini import read_ini
from sshcast.remote.imports.ansible_trees import load_tree, read_tree
from sshcast.remote.imports.hosts import Hop, ImportedHost, Unreadable
from sshcast.remote.imports.jumps import parse_jumps, parse_proxy_command
from sshcast.remote.imports.word_faults import translate_fault
from sshcast.words import Bilingual

TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh")
ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
DEEPEST = 10


@dataclass(frozen=True, slots=True)
class AnsibleHosts:
    """The hosts of an inventory. `user`: the account where the inventory names none."""

    groups: Groups
    user: str

    def list_names(self) -> Sequence[str]:
        return tuple(self.groups.host_variables)

    def find(self, name: str) -> ImportedHost:
        """Return a host of the inventory, or one that only a jump names. What cannot be taken over is its fault."""
        if name not in self.groups.host_variables:
            return ImportedHost(
                name=name, host=name, where=Bilingual("only a jump server", "仅作跳板服务器"), user=self.user
            )
        where = self.groups.places[name]
        try:
            return self._read(name, where, self.groups.merge_variables(name))
        except Unreadable as error:
            return ImportedHost(name=name, host=name, where=where, fault=error.reason)

    def _read(self, name: str, where: str, variables: Variables) -> ImportedHost:
        def get(*names: str) -> str | None:
            for each in names:  # where several are set, Ansible takes the ones of the SSH plugin
                value = variables.get(each)
                if value is not None:
                    return _fill(str(value), variables, each)
            return None

        connection = get("ansible_connection") or "ssh"
        if connection not in CONNECTIONS:
            raise Unreadable(
                f"ansible_connection is {connection}: only hosts that are reached over SSH are imported",
                f"ansible_connection 为 {connection}：只导入通过 SSH 连接的主机",
            )
        options = _read_arguments([text for each in ARGUMENTS if (text := get(each))])
        key = get("ansible_ssh_private_key_file", "ansible_private_key_file") or options.get("identityfile")
        return ImportedHost(
            name=name,
            host=get("ansible_ssh_host", "ansible_host") or options.get("hostname") or name,
            where=where,
            port=_parse_port(get("ansible_ssh_port", "ansible_port") or options.get("port")),
            user=get("ansible_ssh_user", "ansible_user") or options.get("user") or self.user,
            keys=() if key is None else (str(Path(key).expanduser()),),
            password=get("ansible_ssh_password", "ansible_ssh_pass", "ansible_password"),
            jumps=_read_jumps(options),
            alias=options.get("hostkeyalias"),
            tags=self.groups.list_tags(name),
        )


def read_inventory(path: Path, user: str) -> tuple[AnsibleHosts, list[str]]:
    """Read an inventory, and the folders of variables beside it. Return also what was not read, and why."""
    text = read_text(path)
    is_tree = path.suffix in (".yml", ".yaml", ".json") or text.lstrip().startswith(("{", "---"))
    groups = read_tree(load_tree(text, str(path)), str(path)) if is_tree else read_ini(text, str(path))
    return AnsibleHosts(groups, user), add_folders(groups, path)


def _fill(text: str, variables: Variables, name: str) -> str:
    """Put the variables in that a text names as `{{ name }}`; Unreadable for all that Jinja can do beyond."""
    for _ in range(DEEPEST):
        if "{{" not in text and "{%" not in text:
            return text
        names = TEMPLATE.findall(text)
        if not names or any(each not in variables for each in names):
            break
        text = TEMPLATE.sub(lambda found: str(variables[found[1]]), text)
    what = name if "pass" in name else f"{name}, {text},"
    shown = name if "pass" in name else f"{name}（{text}）"
    raise Unreadable(
        f"{what} is a template that only Ansible works out: import what `ansible-inventory --list` prints",
        f"{shown}是只有 Ansible 才能求值的模板：请导入 `ansible-inventory --list` 的输出",
    )


def _read_arguments(texts: Sequence[str]) -> dict[str, str]:
    """Return the options that ssh's arguments set, `-o NAME=VALUE` and `-J`, with their names in lower case."""
    found: dict[str, str] = {}
    for text in texts:
        try:
            words = iter(shlex.split(text))
        except ValueError as error:
            raise Unreadable(
                f"the ssh arguments {text} cannot be read: {error}",
                f"无法读取 ssh 参数 {text}：{translate_fault(error)}",
            ) from None
        for word in words:
            if word[:2] in ("-o", "-J"):
                value: Any = word[2:] or next(words, "")
                name, _, setting = value.partition("=") if word[1] == "o" else ("proxyjump", "", value)
                found.setdefault(name.strip().lower(), setting.strip())
    return found


def _read_jumps(options: dict[str, str]) -> tuple[Hop, ...]:
    if "proxyjump" in options:
        return parse_jumps(options["proxyjump"])
    return parse_proxy_command(options["proxycommand"]) if "proxycommand" in options else ()


def _parse_port(text: str | None) -> int:
    if text is None:
        return 22
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise Unreadable(f"ansible_port {text} is no port", f"ansible_port {text} 不是端口")
    return int(text)
