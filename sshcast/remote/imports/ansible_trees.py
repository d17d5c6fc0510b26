"""Reads Ansible inventories in YAML, and the JSON that `ansible-inventory --list` prints."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.imports.ansible_groups import Groups, Variables
from sshcast.remote.imports.ansible_ranges import expand_hosts, split_port
from sshcast.words import Bilingual, choose


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that only ansible-vault opens."""

    def __str__(self) -> str:
        return "{{ a value that ansible-vault has encrypted }}"


def load_tree(text: str, path: str) -> Any:
    """Return what YAML, or JSON, says. Raise CommandFailed with the line of a mistake."""
    yaml = importlib.import_module("yaml")
    try:
        return yaml.load(text, Loader=_build_loader())  # made of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = path if mark is None else f"{path}:{mark.line + 1}"
        why = error.problem or error
        raise CommandFailed(choose(f"{where}: {why}", f"{where}：不是有效的 YAML（{why}）")) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise CommandFailed(choose(f"{path}: {why}", f"{path}：不是有效的 YAML（{why}）")) from None


def read_tree(tree: Any, path: str) -> Groups:
    """Return what an inventory in YAML says, or the output of `ansible-inventory --list`."""
    groups = Groups()
    try:
        if isinstance(tree, Mapping) and "_meta" in tree:
            _read_listing(groups, tree, path)
        elif isinstance(tree, Mapping):
            for name, body in tree.items():
                _read_group(groups, str(name), body, path)
        else:
            raise ValueError(choose("an inventory is a mapping of groups", "清单应为组的映射"))
    except ValueError as error:
        raise CommandFailed(choose(f"{path}: {error}", f"{path}：{error}")) from None
    return groups


@cache
def _build_loader() -> Any:
    """Return the safe loader, with Ansible's two tags."""
    yaml = importlib.import_module("yaml")
    loader: Any = type("InventoryLoader", (yaml.SafeLoader,), {})
    loader.add_constructor("!vault", lambda _loader, _node: Sealed())
    loader.add_constructor("!unsafe", lambda made, node: made.construct_scalar(node))
    return loader


def _read_group(groups: Groups, name: str, body: Any, path: str) -> None:
    group, body = groups.get(name), _require_mapping(body, choose(f"group {name}", f"组 {name}"))
    if stray := set(body) - {"hosts", "vars", "children"}:
        found = ", ".join(sorted(map(str, stray)))
        raise ValueError(
            choose(
                f"group {name} has hosts, vars and children, not {found}",
                f"组 {name} 只能有 hosts、vars 和 children，不能有 {found}",
            )
        )
    group.variables |= _require_mapping(body.get("vars"), choose(f"vars of group {name}", f"组 {name} 的 vars"))
    for pattern, variables in _read_names(
        body.get("hosts"), choose(f"hosts of group {name}", f"组 {name} 的 hosts")
    ).items():
        _add_hosts(
            groups, name, pattern, _require_mapping(variables, choose(f"host {pattern}", f"主机 {pattern}")), path
        )
    for child, inner in _read_names(
        body.get("children"), choose(f"children of group {name}", f"组 {name} 的 children")
    ).items():
        if child not in group.children:
            group.children.append(child)
        _read_group(groups, child, inner, path)


def _read_listing(groups: Groups, tree: Mapping[str, Any], path: str) -> None:
    """Read the output of `ansible-inventory --list`, in which the variables are merged already."""
    every = _require_mapping(_require_mapping(tree["_meta"], "_meta").get("hostvars"), "hostvars")
    for name, body in tree.items():
        if name == "_meta":
            continue
        group = _require_mapping(body, choose(f"group {name}", f"组 {name}"))
        groups.get(name).children += [str(each) for each in group.get("children") or ()]
        groups.get(name).variables |= _require_mapping(
            group.get("vars"), choose(f"vars of group {name}", f"组 {name} 的 vars")
        )
        for host in group.get("hosts") or ():
            groups.add_host(
                name, str(host), _require_mapping(every.get(host), choose(f"host {host}", f"主机 {host}")), path
            )
    for host in every:
        if host not in groups.places:
            groups.add_host(
                "ungrouped", str(host), _require_mapping(every[host], choose(f"host {host}", f"主机 {host}")), path
            )


def _add_hosts(groups: Groups, group: str, pattern: str, variables: Variables, path: str) -> None:
    pattern, port = split_port(pattern)
    given = variables if port is None else {"ansible_port": port} | variables
    for host in expand_hosts(pattern):
        groups.add_host(group, host, given, Bilingual(f"{path}, group {group}", f"{path}，组 {group}"))


def _read_names(value: Any, what: str) -> Variables:
    """Return a mapping whose keys are names; one name alone may stand for it."""
    if isinstance(value, str):
        return {value: None}
    return _require_mapping(value, what)


def _require_mapping(value: Any, what: str) -> Variables:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise ValueError(choose(f"{what}: a mapping is needed, not {kind}", f"{what}：应为映射，而不是 {kind}"))
    return {str(key): each for key, each in value.items()}
