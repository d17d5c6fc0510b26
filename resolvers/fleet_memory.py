"""Remembers the plans that were shown lately, so that a start by a digest can say what has changed since."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_SERVERS = 200_000
MOST_NAMES = 10
ADDRESS, POLICY = slice(1, 5), slice(5, 6)
"""Parts of a server's facts."""

PlanKey = tuple[int, str]
"""The id of the user to whom the plan was shown, and its digest."""
Words = tuple[str, str]
"""The same in English and in Chinese."""


@dataclass(frozen=True, slots=True)
class PlanOutline:
    """What a plan was made of: the work's digest, the rules, and each server's name and facts by its id.

    The facts are those of `PlannedServer.facts`: the id, four of the address, the policy's version, the refusal.
    """

    work: str
    rules: Sequence[Any]
    servers: Mapping[int, tuple[str, Sequence[Any]]]


class PlanMemory:
    """The newest plans, up to MOST_SERVERS servers in all."""

    def __init__(self) -> None:
        self._plans: OrderedDict[PlanKey, PlanOutline] = OrderedDict()
        self._servers = 0

    def remember(self, key: PlanKey, plan: PlanOutline) -> None:
        self._forget(key)
        self._plans[key] = plan
        self._servers += len(plan.servers)
        while self._servers > MOST_SERVERS and len(self._plans) > 1:
            self._forget(next(iter(self._plans)))

    def find(self, key: PlanKey) -> PlanOutline | None:
        return self._plans.get(key)

    def _forget(self, key: PlanKey) -> None:
        found = self._plans.pop(key, None)
        self._servers -= 0 if found is None else len(found.servers)


def describe_changes(before: PlanOutline | None, now: PlanOutline) -> Words:
    """Say what has changed since the plan `before`; None if it is not known any more."""
    if before is None:
        return (
            "it is not known any more what the plan with this digest was",
            "已无法得知此摘要对应的计划内容",
        )
    parts = [_describe_servers(*each) for each in _list_server_changes(before, now)]
    if before.work != now.work:
        parts.append(("the command or the task was changed", "命令或任务已更改"))
    if before.rules != now.rules:
        parts.append(("the command policy of the service or of the task was changed", "服务或任务的命令策略已更改"))
    return "; ".join(en for en, _ in parts), "；".join(zh for _, zh in parts)


def _list_server_changes(before: PlanOutline, now: PlanOutline) -> list[tuple[Words, list[str]]]:
    """Return what happened to servers, each with the names of the servers, without what happened to none."""
    old, new = before.servers, now.servers
    both = sorted(old.keys() & new.keys())
    changed = [(new[id][0], tuple(old[id][1]), tuple(new[id][1])) for id in both if old[id][1] != new[id][1]]
    refused = [(name, then[-1], since[-1]) for name, then, since in changed if then[-1] != since[-1]]
    found = [
        (("added", "新增"), [new[id][0] for id in sorted(new.keys() - old.keys())]),
        (("gone", "已不在"), [old[id][0] for id in sorted(old.keys() - new.keys())]),
        (("now refused", "现在被拒绝"), [name for name, then, _ in refused if then is None]),
        (("refused no more", "不再被拒绝"), [name for name, _, since in refused if since is None]),
        (("refused for another reason", "拒绝原因不同"), [each[0] for each in refused if None not in each]),
        (("with another address or account", "地址或账号已更改"), _list_changed(changed, ADDRESS)),
        (("with another command policy", "命令策略已更改"), _list_changed(changed, POLICY)),
    ]
    return [each for each in found if each[1]]


def _list_changed(changed: Sequence[tuple[str, Sequence[Any], Sequence[Any]]], part: slice) -> list[str]:
    return [name for name, then, since in changed if then[part] != since[part]]


def _describe_servers(what: Words, names: list[str]) -> Words:
    shown, rest = names[:MOST_NAMES], len(names) - MOST_NAMES
    en = f"servers {what[0]}: {', '.join(shown)}" + (f" and {rest} more" if rest > 0 else "")
    zh = f"{what[1]}的服务器：{'、'.join(shown)}" + (f" 等 {len(names)} 台" if rest > 0 else "")
    return en, zh
