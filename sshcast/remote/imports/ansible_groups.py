"""What an Ansible inventory says, in whichever form: hosts, groups, and the variables of both."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Variables = dict[str, Any]
IMPLICIT = ("all", "ungrouped")


@dataclass(slots=True)
class Group:
    """A group: its hosts, the groups in it, and its variables."""

    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    variables: Variables = field(default_factory=dict)


@dataclass(slots=True)
class Groups:
    """An inventory. `places`: where each host is first."""

    groups: dict[str, Group] = field(default_factory=dict)
    host_variables: dict[str, Variables] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> Group:
        """Return a group, which is made if it is new."""
        return self.groups.setdefault(name, Group())

    def add_host(self, group: str, host: str, variables: Variables, where: str) -> None:
        """Put a host into a group; its variables are added to those that it has."""
        hosts = self.get(group).hosts
        if host not in hosts:
            hosts.append(host)
        self.host_variables.setdefault(host, {}).update(variables)
        self.places.setdefault(host, where)

    def list_groups_of(self, host: str) -> list[str]:
        """Return the groups that a host is in, also by their children, in the order in which variables override."""
        found: set[str] = set()
        rest = [name for name, group in self.groups.items() if host in group.hosts]
        while rest:
            name = rest.pop()
            if name not in found:
                found.add(name)
                rest += [parent for parent, group in self.groups.items() if name in group.children]
        return sorted(found, key=lambda name: (self._measure_depth(name), self._get_priority(name), name))

    def merge_variables(self, host: str) -> Variables:
        """Return the variables of a host: `all` first, then its groups from the outermost on, then its own."""
        merged = dict(self.groups["all"].variables) if "all" in self.groups else {}
        for name in self.list_groups_of(host):
            merged |= self.groups[name].variables
        return merged | self.host_variables[host] | {"inventory_hostname": host}

    def list_tags(self, host: str) -> tuple[str, ...]:
        """Return the names of its groups, but for those that every inventory has."""
        return tuple(sorted(name for name in self.list_groups_of(host) if name not in IMPLICIT))

    def _measure_depth(self, name: str, seen: tuple[str, ...] = ()) -> int:
        """Return how deep a group is: 0 for `all`, one more than the deepest group that has it as a child."""
        if name == "all" or name in seen:
            return 0
        return 1 + max((self._measure_depth(each, (*seen, name)) for each in self._list_parents(name)), default=0)

    def _list_parents(self, name: str) -> Iterator[str]:
        return (parent for parent, group in self.groups.items() if name in group.children)

    def _get_priority(self, name: str) -> int:
        text = str(self.groups[name].variables.get("ansible_group_priority", 1))
        return int(text) if text.lstrip("-").isdecimal() else 1
