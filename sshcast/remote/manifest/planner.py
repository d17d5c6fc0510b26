"""Compares files with a service, and plans the steps from one to the other."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sshcast.remote.manifest.canonical import normalize
from sshcast.remote.manifest.checks import Checker, Named, list_references
from sshcast.remote.manifest.given import GivenValues
from sshcast.remote.manifest.keys import KINDS
from sshcast.remote.manifest.plan import ApplyAction, ApplyStep, KeyChange
from sshcast.remote.manifest.reader import Given, Item, Registered
from sshcast.remote.manifest.snapshot import Known, Name, Snapshot
from sshcast.words import Bilingual

NAMES = {
    "servers": ("name",),
    "tasks": ("name",),
    "policies": ("server", "task"),
    "grants": ("user", "server", "tag"),
}
HIDDEN = ("env", "secretEnv", "parameterValues")
"""Keys of tasks that have values which cannot be read back."""
BOUND = ("command", "server", "selector", "workingDir", "parameters", *HIDDEN)
"""What the policy of a task allows ends when one of these is changed."""
POLICY: Mapping[str, Any] = {"mode": None, "allow": [], "commands": [], "extra": ""}


def find_gone(kinds: Collection[str], named: Named, snapshot: Snapshot) -> set[tuple[str, Name]]:
    """Return what `--prune` deletes: what is there and not in the files, of the kinds that the files have."""
    there = ((kind, name) for kind in kinds for name in snapshot.found[kind] if not snapshot.is_orphan(kind, name))
    return {each for each in there if each not in named}


@dataclass(slots=True)
class ManifestPlanner:
    """Plans. `updates_credentials`: send what cannot be compared too. `unsure`: what was left uncompared.

    `notes`: what a person should know of the plan, as pairs of English and Chinese.
    """

    checker: Checker
    values: GivenValues
    updates_credentials: bool = False
    unsure: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    _steps: dict[tuple[str, Name], ApplyStep] = field(default_factory=dict)

    @property
    def snapshot(self) -> Snapshot:
        return self.checker.snapshot

    def plan(self) -> list[ApplyStep]:
        """Return the steps in the order in which they are done; deletions come last."""
        for kind, name in self._order():
            item = self.checker.named[(kind, name)]
            known = self.snapshot.found[kind].get(name)
            step = self._create(name, item) if known is None else self._update(name, item, known)
            if step is not None:
                self._steps[(kind, name)] = step
        return [*self._steps.values(), *self._delete()]

    def _order(self) -> Iterator[tuple[str, Name]]:
        named = list(self.checker.named)
        yield from sorted((each for each in named if each[0] == "servers"), key=self._count_jumps)
        yield from (each for each in named if each[0] == "policies" and each[1][0] == "server")
        yield from (each for each in named if each[0] == "tasks")
        yield from (each for each in named if each[0] == "policies" and each[1][0] == "task")
        yield from (each for each in named if each[0] == "grants")

    def _count_jumps(self, target: tuple[str, Name]) -> int:
        passed: list[str] = []
        server = self.checker.find_jump(target[1][0])
        while server is not None and server not in passed:
            passed.append(server)
            server = self.checker.find_jump(server)
        return len(passed)

    def _create(self, name: Name, item: Item) -> ApplyStep | None:
        if item.kind == "policies" and not any(item.values.get(key) for key in POLICY):
            return None
        given = {key: self._build_value(item, key, None) for key in item.values}
        changes = [KeyChange(key, None, _show(key, value)) for key, value in self._list_values(item)]
        if item.kind == "policies":
            given = {**POLICY, **given}
        return self._build_step(name, changes, given, item)

    def _update(self, name: Name, item: Item, known: Known) -> ApplyStep | None:
        given: dict[str, Any] = {}
        changes = []
        whole = known.values | item.values
        for key, value in self._list_values(item):
            if key == "credential":
                is_changed, old = self.updates_credentials, None
            else:
                value, old = _merge(item, key, known)
                is_same = normalize(item.kind, key, old, known.values) == normalize(item.kind, key, value, whole)
                is_changed = not is_same or (self.updates_credentials and _is_hidden(key, value))
            if is_changed:
                changes.append(KeyChange(key, _show(key, old), _show(key, value, has_old=self.updates_credentials)))
                given[key] = self._build_value(item, key, known)
            elif key == "credential" or _is_hidden(key, value):
                self.unsure.append(key)
        if item.kind == "policies":
            given, changes = self._renew_policy(item, known, changes)
        if item.kind == "tasks":
            self._tell_ended_policy(name, changes)
        return self._build_step(name, changes, given, item) if changes else None

    def _renew_policy(
        self, item: Item, known: Known, changes: list[KeyChange]
    ) -> tuple[dict[str, Any], list[KeyChange]]:
        """Return the whole policy, and also that it is set again where what it allows ended with a change of its task.

        That is done only for a command that stands in the files, so that nobody allows what they have not read.
        """
        given = {**POLICY, **known.values, **item.values}
        if changes or "task" not in item.values or not given["allow"]:
            return given, changes
        target = ("tasks", (item.values["task"],))
        step, task = self._steps.get(target), self.checker.named.get(target)
        if known.holds and not (step and _ends_policy(step.changes)):
            return given, changes
        if task is not None and "command" in task.values:
            return given, [
                KeyChange("allow", Bilingual("no longer applies", "已失效"), Bilingual("applies again", "重新生效"))
            ]
        name = item.values["task"]
        self.notes.append((
            f"what the policy of task {name} allows no longer applies, since the task was changed: "
            "name its command in the file too, and it is set again",
            f"任务 {name} 已更改，其策略的允许项已失效：请在文件中也写明其命令，以便重新设置",
        ))  # fmt: skip
        return given, changes

    def _tell_ended_policy(self, name: Name, changes: list[KeyChange]) -> None:
        policy = self.snapshot.found["policies"].get(("task", *name))
        if policy is None or not policy.values["allow"] or not policy.holds or not _ends_policy(changes):
            return
        if ("policies", ("task", *name)) not in self.checker.named:
            self.notes.append((
                f"what the policy of task {name[0]} allows ends with this change: set the policy again",
                f"此更改将使任务 {name[0]} 的策略允许项失效：请重新设置策略",
            ))  # fmt: skip

    def _build_value(self, item: Item, key: str, known: Known | None) -> Any:
        if key == "credential":
            return self.values.read_credential(item)
        if key in ("env", "parameterValues"):
            return self.values.read_values(item, key)
        if key == "secretEnv":
            own = {} if known is None or self.updates_credentials else known.values["secretEnv"]
            return self.values.read_variables(item, {name for name, each in own.items() if isinstance(each, Given)})
        return item.values[key] if known is None else _merge(item, key, known)[0]

    def _build_step(self, name: Name, changes: list[KeyChange], given: Mapping[str, Any], item: Item) -> ApplyStep:
        known = self.snapshot.found[item.kind].get(name)
        needs = [(kind, target) for kind, target, _ in list_references(item) if kind in ("server", "task")]
        return ApplyStep(
            kind=item.kind,
            name=name,
            action=ApplyAction.CREATE if known is None else ApplyAction.UPDATE,
            changes=changes,
            given=given,
            needs=tuple((f"{kind}s", (target,)) for kind, target in needs),
            item=item,
            known=known,
        )

    def _list_values(self, item: Item) -> list[tuple[str, Any]]:
        """Return the keys and values in the order of the keys, without those that name the object."""
        order = [key.name for key in KINDS[item.kind].keys if key.name not in NAMES[item.kind]]
        return [(key, item.values[key]) for key in order if key in item.values]

    def _delete(self) -> Iterator[ApplyStep]:
        gone = self.checker.gone
        for kind in reversed(KINDS):
            names = sorted(name for each, name in gone if each == kind)
            if kind == "servers":
                names.sort(key=lambda name: -self._count_jumps(("servers", name)))
            for name in names:
                if kind == "policies" and (f"{name[0]}s", name[1:]) in gone:
                    continue  # it goes with what it is for
                known = self.snapshot.found[kind][name]
                for id in self.snapshot.same.get(name[0], [known.id]) if kind == "tasks" else [known.id]:
                    yield ApplyStep(kind, name, ApplyAction.DELETE, known=Known(id, known.values))


def _show(key: str, value: Any, *, has_old: bool = False) -> Any:
    """Return a value as the plan shows it: of what cannot be read back, only that it is given, or changed."""
    if isinstance(value, Given) or (key == "env" and isinstance(value, str)):
        return Bilingual("(changed)", "（已更改）") if has_old else Bilingual("(given)", "（已提供）")
    if isinstance(value, Mapping):
        return {name: _show(key, each, has_old=has_old) for name, each in value.items()}
    if isinstance(value, list):
        return [_show(key, each, has_old=has_old) for each in value]
    return Bilingual(f"secret {value.name}", f"机密 {value.name}") if isinstance(value, Registered) else value


def _merge(item: Item, key: str, known: Known) -> tuple[Any, Any]:
    """Return the value that a key shall have, and the one that it has.

    A mapping of terms changes what it names and nothing else: only that is compared.
    """
    value, old = item.values[key], known.values.get(key)
    if key == "fleet" and old is not None:
        return {**old, **value}, old
    if key == "terms" and old is not None:
        return value, {name: old[name] for name in value}
    return value, old


def _is_hidden(key: str, value: Any) -> bool:
    """Tell whether a key of a task has a value that cannot be compared."""
    if key == "env":
        return bool(value)
    return key in HIDDEN and any(isinstance(each, Given) for each in value.values())


def _ends_policy(changes: list[KeyChange]) -> bool:
    return any(change.key in BOUND for change in changes)
