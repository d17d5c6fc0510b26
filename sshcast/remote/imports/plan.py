"""Decides what an import would do: which servers it registers, in which order, and which it leaves as they are."""

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from sshcast.remote.imports.hosts import Hop, ImportedHost, Unreadable
from sshcast.words import Bilingual


class Source(Protocol):
    """What a file offers: names, and what is behind each."""

    def list_names(self) -> Sequence[str]: ...
    def find(self, name: str) -> ImportedHost: ...


class Action(StrEnum):
    """What is done with a host. DIFFERS: it is registered otherwise, and is not touched without `--update`."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DIFFERS = "DIFFERS"
    NONE = "NONE"
    FAILED = "FAILED"


@dataclass(slots=True)
class Step:
    """One host of the plan. `jump`: the name of the server through which it is reached.

    `changes`: by the API's field, the value that is registered and the one in the file. `keys`: the host keys to pin;
    None: they are scanned.
    """

    host: ImportedHost
    jump: str | None = None
    action: Action = Action.CREATE
    fault: str | None = None
    server_id: str | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    keys: list[str] | None = None

    def fail(self, reason: str) -> None:
        """Note why it fails: as a Bilingual, or as the service says it."""
        self.action, self.fault = Action.FAILED, reason


def explain_jump(name: str) -> tuple[str, str]:
    """Return why a host cannot be imported whose jump server cannot be, in English and Chinese."""
    return f"its jump server {name} cannot be imported", f"无法导入其跳板服务器 {name}"


@dataclass(slots=True)
class Planner:
    """Makes the plan. `registered`: the servers that there are, by name. `find_keys`: host keys of known_hosts.

    `check`: raises Unreadable where there is no credential for a host.
    """

    source: Source
    registered: Mapping[str, Mapping[str, Any]]
    check: Callable[[ImportedHost], None]
    find_keys: Callable[[ImportedHost], list[str]]
    scans: bool
    updates: bool
    _steps: dict[str, Step] = field(default_factory=dict)

    def plan(self, patterns: Sequence[str]) -> list[Step]:
        """Return the steps, jump servers before those behind them. Every host that fails is among them."""
        for name in self._select(patterns):
            self._add(name)
        ordered = list(dict.fromkeys(each for name in list(self._steps) for each in self._order(name)))
        for name in ordered:
            self._decide(self._steps[name])
        return [self._steps[name] for name in ordered]

    def _select(self, patterns: Sequence[str]) -> Iterator[str]:
        """Yield the names that match; one without wildcards may be a host that only patterns are for."""
        names = self.source.list_names()
        if not patterns:
            yield from names
        for pattern in patterns:
            matching = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
            yield from matching or ([] if set("*?[") & set(pattern) else [pattern])

    def _add(self, name: str) -> Step:
        """Add a host, and the jump servers before it."""
        if name in self._steps:
            return self._steps[name]
        step = self._steps[name] = Step(self.source.find(name))
        if step.host.fault is not None:
            step.fail(step.host.fault)
            return step
        before: str | None = None
        for place, hop in enumerate(step.host.jumps):
            try:
                self._add_hop(hop, before, is_first=place == 0)
            except Unreadable as error:
                step.fail(error.reason)
                return step
            before = hop.host
        step.jump = before
        return step

    def _add_hop(self, hop: Hop, before: str | None, *, is_first: bool) -> None:
        """Add a jump server, which is reached through the one before it in the list."""
        found = self._add(hop.host)
        if hop.user not in (None, found.host.user) or hop.port not in (None, found.host.port):
            here = f"{found.host.user}@{hop.host}:{found.host.port}"
            raise Unreadable(
                f"it is reached through {hop}, but {hop.host} is imported as {here}: import one by hand",
                f"它经由 {hop} 连接，而 {hop.host} 导入为 {here}：请手动导入其中之一",
            )
        if not is_first and found.jump != before:
            if found.jump is not None or found.host.jumps:
                raise Unreadable(
                    f"{hop.host} is reached through {before} here, but through {found.jump} by itself",
                    f"此处 {hop.host} 经由 {before} 连接，而它自身经由 {found.jump} 连接",
                )
            found.jump = before

    def _order(self, name: str, seen: tuple[str, ...] = ()) -> list[str]:
        """Return a host's jump servers, the first to pass first, and the host."""
        step = self._steps[name]
        if name in seen:
            way = " > ".join((*seen[seen.index(name) :], name))
            step.fail(Bilingual(f"its jump servers lead back to it: {way}", f"其跳板服务器又回到它自身：{way}"))
            return []
        before = [] if step.jump is None else self._order(step.jump, (*seen, name))
        return [*before, name]

    def _decide(self, step: Step) -> None:
        if step.fault is not None:
            return
        jump = None if step.jump is None else self._steps[step.jump]
        server = self.registered.get(step.host.name)
        step.keys = self.find_keys(step.host)
        if jump is not None and jump.action is Action.FAILED:
            step.fail(Bilingual(*explain_jump(jump.host.name)))
        elif server is not None:
            self._compare(step, server)
        else:
            self._check_new(step)

    def _check_new(self, step: Step) -> None:
        try:
            self.check(step.host)
        except Unreadable as error:
            step.fail(error.reason)
            return
        step.keys = step.keys or None
        if step.keys is None and not self.scans:
            step.fail(
                Bilingual(
                    "no key of it is in the known hosts: add --scan to fetch its keys",
                    "known_hosts 中没有它的密钥：加 --scan 以获取其密钥",
                )
            )

    def _compare(self, step: Step, server: Mapping[str, Any]) -> None:
        step.server_id = str(server["id"])
        step.changes = _find_changes(step, server)
        step.action = Action.NONE
        if step.changes:
            step.action = Action.UPDATE if self.updates else Action.DIFFERS


def _find_changes(step: Step, server: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs. Tags are only added, and credentials cannot be compared."""
    host = step.host
    pairs: dict[str, tuple[Any, Any]] = {
        "host": (server["host"], host.host.lower()),
        "port": (server["port"], host.port),
        "username": (server["username"], host.user),
        "jumpServer": ((server["jumpServer"] or {}).get("name"), step.jump),
        "hostKeyAlias": (server["hostKeyAlias"], host.alias),
    }
    if host.tags is not None:
        pairs["tags"] = (server["tags"], list(dict.fromkeys([*server["tags"], *host.tags])))
    if step.keys:
        pairs["hostKeys"] = (sorted(server["hostKeys"]), sorted(step.keys))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
