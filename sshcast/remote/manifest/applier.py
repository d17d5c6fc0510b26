"""Carries out a plan: one mutation for each step, whatever becomes of those that do not depend on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.manifest import documents
from sshcast.remote.manifest.plan import ApplyAction, ApplyStep
from sshcast.remote.manifest.snapshot import Name, Snapshot
from sshcast.words import Bilingual

MUTATIONS = {
    ("servers", ApplyAction.CREATE): (documents.CREATE_SERVER, "createServer", "server"),
    ("servers", ApplyAction.UPDATE): (documents.UPDATE_SERVER, "updateServer", "server"),
    ("servers", ApplyAction.DELETE): (documents.DELETE_SERVER, "deleteServer", "server"),
    ("tasks", ApplyAction.CREATE): (documents.CREATE_TASK, "createTask", "task"),
    ("tasks", ApplyAction.UPDATE): (documents.UPDATE_TASK, "updateTask", "task"),
    ("tasks", ApplyAction.DELETE): (documents.DELETE_TASK, "deleteTask", "task"),
    ("grants", ApplyAction.CREATE): (documents.GRANT, "grantRole", "grant"),
    ("grants", ApplyAction.UPDATE): (documents.GRANT, "grantRole", "grant"),
    ("grants", ApplyAction.DELETE): (documents.REVOKE, "revokeGrant", "grant"),
}
POLICIES = {
    "server": (documents.SET_SERVER_POLICY, "setServerPolicy", "policy"),
    "task": (documents.SET_TASK_POLICY, "setTaskPolicy", "policy"),
}


@dataclass(slots=True)
class Applier:
    """Carries out steps, and knows the ids of servers and tasks, also of those that it makes."""

    api: Api
    snapshot: Snapshot
    _ids: dict[tuple[str, Name], str] = field(default_factory=dict)
    _failed: set[tuple[str, Name]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for kind in ("servers", "tasks"):
            self._ids |= {(kind, name): known.id for name, known in self.snapshot.found[kind].items()}

    def carry_out(self, steps: Sequence[ApplyStep]) -> Iterator[ApplyStep]:
        """Yield each step when it is done, or has its fault. A lost connection ends them all."""
        for step in steps:
            step.fault = self._find_obstacle(step)
            if step.fault is None:
                self._try(step)
            if step.fault is not None:
                self._failed.add((step.kind, step.name))
            yield step

    def _find_obstacle(self, step: ApplyStep) -> str | None:
        """Return why a step cannot be tried: what it names was not made, or its task is not as it was read."""
        for kind, name in step.needs:
            is_unfit = step.kind == "policies" and (kind, name) in self._failed
            if is_unfit or (kind, name) not in self._ids:
                english, chinese = ("task", "任务") if kind == "tasks" else ("server", "服务器")
                return Bilingual(
                    f"it depends on {english} {name[0]}, which failed", f"它依赖于{chinese} {name[0]}，而后者失败了"
                )
        return None

    def _try(self, step: ApplyStep) -> None:
        try:
            document, root, part = self._find_mutation(step)
            found = self.api.execute(document, {"input": self._build_input(step)})[root][part]
        except ApiRefused as error:
            step.fault = str(error)
            return
        step.is_done = True
        if step.kind in ("servers", "tasks") and step.action is ApplyAction.CREATE:
            self._ids[(step.kind, step.name)] = str(found["id"])

    def _find_mutation(self, step: ApplyStep) -> tuple[str, str, str]:
        return POLICIES[step.name[0]] if step.kind == "policies" else MUTATIONS[(step.kind, step.action)]

    def _build_input(self, step: ApplyStep) -> dict[str, Any]:
        if step.kind == "policies":
            return self._build_policy(step)
        if step.action is ApplyAction.DELETE:
            assert step.known is not None, "it is there"
            return {"id": step.known.id}
        if step.kind == "grants":
            return self._build_grant(step.given)
        given = {name: self._resolve(name, value) for name, value in step.given.items()}
        made = {RENAMED.get(name, name): value for name, value in given.items()}
        return made if step.known is None else {"id": step.known.id} | made

    def _build_policy(self, step: ApplyStep) -> dict[str, Any]:
        owner, name = step.name
        names = ("mode", "allow", "extra", *(("commands",) if owner == "server" else ()))
        empty: Mapping[str, Any] = {"mode": None, "allow": [], "commands": [], "extra": ""}
        given = empty if step.action is ApplyAction.DELETE else step.given
        return {"id": self._ids[(f"{owner}s", (name,))]} | {each: given[each] for each in names}

    def _build_grant(self, given: Mapping[str, Any]) -> dict[str, Any]:
        place = {"tag": given["tag"]} if "tag" in given else {"serverId": self._ids[("servers", (given["server"],))]}
        return {"userId": self.snapshot.users[given["user"]], "role": given["role"], **place}

    def _resolve(self, name: str, value: Any) -> Any:
        """Return a value with ids in place of names."""
        if name in RENAMED:
            return None if value is None else self._ids[("servers", (value,))]
        if name == "selector" and "servers" in value:
            ids = [self._ids[("servers", (each,))] for each in value["servers"]]
            return {key: each for key, each in value.items() if key != "servers"} | {"ids": ids}
        return value


RENAMED = {"server": "serverId", "jumpServer": "jumpServerId"}
