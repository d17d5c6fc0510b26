"""Reads the variables that Ansible keeps beside an inventory, in group_vars/ and host_vars/."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sshcast.errors import CommandFailed
from sshcast.remote.credentials import read_text
from sshcast.remote.imports.ansible_groups import Groups, Variables
from sshcast.remote.imports.ansible_trees import load_tree
from sshcast.words import choose

SUFFIXES = ("", ".yml", ".yaml", ".json")
VAULT = "$ANSIBLE_VAULT;"


def add_folders(groups: Groups, inventory: Path) -> list[str]:
    """Add the variables of those folders; they override those in the file. Return what was not read, and why."""
    unread: list[str] = []
    for name in ("all", *groups.groups):
        groups.get(name).variables |= _read_all(inventory.parent / "group_vars", name, unread)
    for host in groups.host_variables:
        groups.host_variables[host] |= _read_all(inventory.parent / "host_vars", host, unread)
    return unread


def _read_all(folder: Path, name: str, unread: list[str]) -> Variables:
    found: Variables = {}
    for path in _list_files(folder, name):
        text = read_text(path)
        if text.startswith(VAULT):
            unread.append(
                choose(
                    f"{path} is not read: ansible-vault has encrypted it", f"未读取 {path}：它已由 ansible-vault 加密"
                )
            )
            continue
        tree = load_tree(text, str(path))
        if not isinstance(tree, Mapping | None):
            raise CommandFailed(choose(f"{path}: a mapping of variables is needed", f"{path}：应为变量的映射"))
        found |= tree or {}
    return found


def _list_files(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files of a group or host: `NAME`, `NAME.yml`, and those in a folder `NAME`."""
    if "/" in name or name in (".", ".."):
        return
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            yield path
    inner = folder / name
    if inner.is_dir():
        yield from sorted(path for path in inner.iterdir() if path.is_file() and path.suffix in SUFFIXES)
