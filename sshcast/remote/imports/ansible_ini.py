"""Reads Ansible inventories in INI form."""

import ast
import re
import shlex
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.imports.ansible_groups import Groups, Variables
from sshcast.remote.imports.ansible_ranges import expand_hosts, split_port
from sshcast.remote.imports.word_faults import translate_fault
from sshcast.words import choose

SECTION = re.compile(r"\[(?P<name>[^\[\]:]+)(?::(?P<kind>\w+))?\]\s*(?:[#;].*)?")


def read_ini(text: str, path: str) -> Groups:
    """Return what an inventory says. Raise CommandFailed, with the line, for what cannot be read."""
    groups = Groups()
    name, kind = "ungrouped", "hosts"
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        found = SECTION.fullmatch(line)
        if found is not None:
            name, kind = found["name"].strip(), found["kind"] or "hosts"
            groups.get(name)
            continue
        try:
            _read_line(groups, name, kind, line, f"{path}:{number}")
        except ValueError as error:
            place = f"{path}:{number}"
            raise CommandFailed(choose(f"{place}: {error}", f"{place}：{translate_fault(error)}")) from None
    return groups


def _read_line(groups: Groups, name: str, kind: str, line: str, where: str) -> None:
    if kind == "vars":
        key, equals, value = line.partition("=")
        if not equals:
            raise ValueError(choose(f"a variable is NAME=VALUE, not {line}", f"变量应写作 NAME=VALUE，而不是 {line}"))
        groups.get(name).variables[key.strip()] = _parse_value(value.strip())
    elif kind == "children":
        child = line.split("#")[0].strip()
        groups.get(child)
        groups.get(name).children.append(child)
    elif kind == "hosts":
        _read_hosts(groups, name, line, where)
    else:
        raise ValueError(
            choose(
                f"a section is [NAME], [NAME:children] or [NAME:vars], not [{name}:{kind}]",
                f"小节应为 [NAME]、[NAME:children] 或 [NAME:vars]，而不是 [{name}:{kind}]",
            )
        )


def _read_hosts(groups: Groups, name: str, line: str, where: str) -> None:
    pattern, *words = shlex.split(line, comments=True)
    variables: Variables = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(
                choose(f"after the host comes NAME=VALUE, not {word}", f"主机之后应为 NAME=VALUE，而不是 {word}")
            )
        variables[key] = _parse_value(value)
    pattern, port = split_port(pattern)
    given = variables if port is None else {"ansible_port": port} | variables
    for host in expand_hosts(pattern):
        groups.add_host(name, host, given, where)


def _parse_value(text: str) -> Any:
    """Return a value as Ansible does: as a literal of Python if it is one, else as text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
