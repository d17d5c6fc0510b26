"""Checks what a file says against itself and against the service: names, references, what new objects need."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from sshcast.remote.manifest.faults import Faults, FileMark
from sshcast.remote.manifest.keys import KIND_NAMES, KINDS
from sshcast.remote.manifest.plan import format_name
from sshcast.remote.manifest.reader import LITERAL, Given, Item, Registered
from sshcast.remote.manifest.snapshot import Name, Snapshot, name_grant, name_policy
from sshcast.words import Bilingual

ONE_OF = {
    "policies": ("server", "task"),
    "grants": ("server", "tag"),
}
HOW_TO_GET = {
    "hostKeys": Bilingual(
        "a new server needs its host keys: `ssh-keyscan HOST` shows them; compare their fingerprints",
        "新服务器需要其主机密钥：`ssh-keyscan HOST` 可显示；请比对指纹",
    ),
    "credential": Bilingual(
        "a new server needs its credential: {privateKey: {file: PATH}}, or {password: {env: NAME}}",
        "新服务器需要其凭据：{privateKey: {file: PATH}} 或 {password: {env: NAME}}",
    ),
}
OBJECTS = {"servers": "服务器", "tasks": "任务", "grants": "授权", "policies": "策略"}
Named = dict[tuple[str, Name], Item]


def collect(items: Collection[Item], faults: Faults) -> Named:
    """Return the objects of files by kind and name. A name that is missing, or there twice, is a fault."""
    found: Named = {}
    for item in items:
        name = _find_name(item, faults)
        if name is None:
            continue
        first = found.setdefault((item.kind, name), item)
        if first is not item:
            shown = format_name(item.kind, name)
            place = f"{first.mark.file}:{first.mark.line}"
            faults.add(item.mark, f"{shown} stands there twice, also at {place}", f"{shown} 出现了两次，另见 {place}")
    return found


def _find_name(item: Item, faults: Faults) -> Name | None:
    if item.kind in ("servers", "tasks"):
        if "name" not in item.marks:
            faults.add(item.mark, "it has no name", "没有 name")
        return (item.values["name"],) if "name" in item.values else None
    keys = ONE_OF[item.kind]
    written = [key for key in keys if key in item.marks]
    if len(written) != 1:
        english = f"it is for one {keys[0]} or for one {keys[1]}: name either"
        faults.add(item.mark, english, f"{keys[0]} 与 {keys[1]} 须写其中一个")
    for key in ("user", "role"):
        if item.kind == "grants" and key not in item.marks:
            faults.add(item.mark, f"it has no {key}", f"没有 {key}")
    if len(written) != 1 or written[0] not in item.values:
        return None
    if item.kind == "policies":
        return name_policy(item.values)
    return name_grant(item.values) if "user" in item.values else None


@dataclass(slots=True)
class Checker:
    """Checks the objects of files, `named`, against the service. `gone`: names that `--prune` would delete."""

    faults: Faults
    named: Named
    snapshot: Snapshot
    gone: Collection[tuple[str, Name]] = field(default_factory=set)

    def check(self) -> None:
        for (kind, name), item in self.named.items():
            self._check_place(item)
            self._check_same(item)
            if name not in self.snapshot.found[kind]:
                self._check_new(item)
            for reference, target, mark in list_references(item):
                self._check_reference(reference, target, mark)
            self._check_parameters(item)
            self._check_values(item)
        self._check_jumps()

    def _check_new(self, item: Item) -> None:
        for key in KINDS[item.kind].keys:
            if key.is_for_new and key.name not in item.marks and key.name not in ("name", "user", "role"):
                usual = Bilingual(
                    f"a new {item.kind[:-1]} needs {key.name}: {key.form}",
                    f"新的{OBJECTS[item.kind]}需要 {key.name}：{key.form}",
                )
                what = HOW_TO_GET.get(key.name, usual)
                self.faults.add(item.mark, what, what.chinese)
        if item.kind == "tasks" and not {"server", "selector"} & item.marks.keys():
            english = "a new task needs a server, or a selector of servers"
            self.faults.add(item.mark, english, "新任务需要 server，或用 selector 选择服务器")

    def _check_place(self, item: Item) -> None:
        if item.kind == "tasks" and {"server", "selector"} <= item.marks.keys():
            english = "a task has a server or a selector, and not both"
            self.faults.add(item.find_mark("selector"), english, "任务的 server 与 selector 只能写一个")
        if item.kind == "policies" and {"task", "commands"} <= item.marks.keys():
            english = "a task's policy allows rules, and no commands"
            self.faults.add(item.find_mark("commands"), english, "任务的策略只允许规则，不能写 commands")
        credential = item.values.get("credential") or {}
        if item.kind == "servers" and "password" in credential and len(credential) > 1:
            english = "it is a password, or a private key with what belongs to it"
            self.faults.add(item.find_mark("credential"), english, "应为密码，或私钥及其附属内容")
        written = {f"credential.{each}" for each in ("password", "privateKey")}
        if "credential" in item.values and not written & item.marks.keys():
            english = "it needs a privateKey or a password"
            self.faults.add(item.find_mark("credential"), english, "需要 privateKey 或 password")

    def _check_same(self, item: Item) -> None:
        task = item.values.get({"tasks": "name", "policies": "task"}.get(item.kind, ""))
        ids = self.snapshot.same.get(task) if isinstance(task, str) else None
        if ids:
            shown = ", ".join(ids)
            self.faults.add(
                item.mark,
                f"several tasks of the service have this name ({shown}): rename or delete all but one",
                f"服务中有多个任务使用此名称（{shown}）：请重命名或删除其余的任务",
            )

    def _check_reference(self, kind: str, name: str, mark: FileMark) -> None:
        if kind == "user":
            if name not in self.snapshot.users:
                english = f"there is no user {name}: users are not made here, see `sshcast user add`"
                self.faults.add(mark, english, f"没有用户 {name}：此处不创建用户，见 `sshcast user add`")
            return
        if kind == "secret":
            if self.snapshot.secrets is not None and name not in self.snapshot.secrets:
                english = f"there is no registered secret {name}: see `sshcast secret add`"
                self.faults.add(mark, english, f"没有已登记的机密 {name}：见 `sshcast secret add`")
            return
        target = (f"{kind}s", (name,))
        if target in self.gone:
            english = f"--prune would delete {kind} {name}, which is not among the {kind}s of the files"
            self.faults.add(mark, english, f"--prune 会删除{KIND_NAMES[kind]} {name}，它不在这些文件中")
        elif target not in self.named and target[1] not in self.snapshot.found[target[0]] and not self._is_same(target):
            english = f"there is no {kind} {name}: neither in the files nor at the service"
            self.faults.add(mark, english, f"没有{KIND_NAMES[kind]} {name}：文件和服务中都没有")

    def _is_same(self, target: tuple[str, Name]) -> bool:
        return target[0] == "tasks" and target[1][0] in self.snapshot.same

    def _check_parameters(self, item: Item) -> None:
        for place in range(len(item.values.get("parameters", ()))):
            if f"parameters[{place}].name" not in item.marks:
                mark = item.find_mark(f"parameters[{place}]")
                self.faults.add(mark, "a parameter needs a name", "参数需要 name")

    def _check_values(self, item: Item) -> None:
        """A literal value of a secret parameter is refused, whether the file or the service declares it."""
        if item.kind != "tasks" or "parameterValues" not in item.values:
            return
        known = self.snapshot.found["tasks"].get((item.values.get("name", ""),))
        declared = item.values.get("parameters", known.values["parameters"] if known else ())
        secret = {each.get("name") for each in declared if each.get("type") == "SECRET"}
        for name, value in item.values["parameterValues"].items():
            if name in secret and not isinstance(value, Given):
                mark = item.find_mark("parameterValues", name)
                self.faults.add(mark, *LITERAL)

    def _check_jumps(self) -> None:
        """Servers that are reached through each other cannot be: each such circle is a fault, once."""
        seen: set[str] = set()
        for kind, name in self.named:
            path: list[str] = []
            current: str | None = name[0] if kind == "servers" else None
            while current is not None and current not in seen and current not in path:
                path.append(current)
                current = self.find_jump(current)
            if current is not None and current in path:
                circle = " > ".join([*path[path.index(current) :], current])
                item = next(found for each in path if (found := self.named.get(("servers", (each,)))) is not None)
                mark = item.find_mark("jumpServer")
                english = f"jump servers lead back to themselves: {circle}"
                self.faults.add(mark, english, f"跳板服务器又回到自身：{circle}")
            seen.update(path)

    def find_jump(self, server: str) -> str | None:
        """Return the jump server of a server as it will be."""
        item = self.named.get(("servers", (server,)))
        if item is not None and "jumpServer" in item.values:
            found = item.values["jumpServer"]
        else:
            known = self.snapshot.found["servers"].get((server,))
            found = None if known is None else known.values["jumpServer"]
        return None if found is None else str(found)


def list_references(item: Item) -> Iterator[tuple[str, str, FileMark]]:
    """Yield the kind, the name and the place of each object that this one names."""
    for key in ("jumpServer", "server", "task", "user"):
        value = item.values.get(key)
        if isinstance(value, str):
            yield "server" if key == "jumpServer" else key, value, item.find_mark(key)
    selector: dict[str, Any] = item.values.get("selector") or {}
    for place, name in enumerate(selector.get("servers", ())):
        yield "server", name, item.find_mark("selector", f"servers[{place}]")
    for name, value in (item.values.get("secretEnv") or {}).items():
        if isinstance(value, Registered):
            yield "secret", value.name, item.find_mark("secretEnv", name)
