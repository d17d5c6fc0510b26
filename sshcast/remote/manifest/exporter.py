"""Writes what is on a service as YAML: always in the same order and form, and without any secret."""

import importlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.manifest.keys import KINDS, KeyGroup
from sshcast.remote.manifest.reader import Given, Registered
from sshcast.remote.manifest.snapshot import Name, Snapshot
from sshcast.words import choose

UNFIT = re.compile(r"[^A-Z0-9_]+")
HIDDEN = ("env", "secretEnv", "parameterValues")
WIDEST = 10**9


class Flow(dict[str, Any]):
    """A mapping that is written in one line."""


def build_tree(found: Snapshot, kinds: Collection[str]) -> dict[str, Any]:
    """Return the objects of these kinds as the file has them. Raise CommandFailed for what no file can say."""
    if "tasks" in kinds and found.same:
        name, ids = next(iter(sorted(found.same.items())))
        raise CommandFailed(
            choose(
                f"several tasks are called {name} ({', '.join(ids)}), and files know tasks by their names: "
                "rename all but one, or leave tasks out with --only",
                f"有多个任务名为 {name}（{', '.join(ids)}），而文件以名称区分任务："
                "请重命名其余的任务，或用 --only 略去任务",
            )
        )
    return {kind: [_order(KINDS[kind], each) for each in _list(found, kind)] for kind in KINDS if kind in kinds}


def dump(tree: Mapping[str, Any], header: str) -> str:
    """Return the tree as YAML, below a comment."""
    yaml = importlib.import_module("yaml")
    text = yaml.dump(
        tree, Dumper=_build_dumper(), sort_keys=False, allow_unicode=True, default_flow_style=False, width=WIDEST
    )
    return f"# {' '.join(header.split())}\n{text}"


def _flatten(value: Any) -> Any:
    """Return a value as YAML and JSON have it: `{env: NAME}` for where a value is."""
    if isinstance(value, Given):
        return Flow(env=value.env) if value.env is not None else Flow(file=str(value.file))
    if isinstance(value, Registered):
        return Flow(secret=value.name)
    if isinstance(value, Mapping):
        return {name: _flatten(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_flatten(each) for each in value]
    return value


def _list(found: Snapshot, kind: str) -> list[dict[str, Any]]:
    objects = {name: each for name, each in sorted(found.found[kind].items()) if not found.is_orphan(kind, name)}
    stems = _name_stems(found.found[kind]) if kind in ("servers", "tasks") else {}
    if kind == "servers":
        kinds = found.credentials
        return [
            each.values | {"credential": _name_credential(stems[name], kinds[name[0]])}
            for name, each in objects.items()
        ]
    if kind == "tasks":
        return [_name_values(stems[name], each.values) for name, each in objects.items()]
    return [each.values for each in objects.values()]


def _order(group: KeyGroup, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.name: _flatten(values[key.name]) for key in group.keys if key.name in values}


def _name_stems(names: Iterable[Name]) -> dict[Name, str]:
    """Return, by object, what the variables begin with in which its secrets are looked for: each has its own."""
    made: dict[Name, str] = {}
    for name in sorted(names):
        base = stem = UNFIT.sub("_", name[0].upper()).strip("_") or "UNNAMED"
        number = 1
        while stem in made.values():
            number += 1
            stem = f"{base}_{number}"
        made[name] = stem
    return {name: f"_{stem}" if stem[0].isdigit() else stem for name, stem in made.items()}


def _name_credential(stem: str, kind: str) -> dict[str, Given]:
    if kind == "PASSWORD":
        return {"password": Given(env=f"{stem}_PASSWORD")}
    made = {"privateKey": Given(env=f"{stem}_PRIVATE_KEY")}
    return made | ({"certificate": Given(env=f"{stem}_CERTIFICATE")} if kind == "CERTIFICATE" else {})


def _name_values(stem: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return a task with variables of its own in place of the values that cannot be read."""
    made = dict(values)
    for key in HIDDEN:
        made[key] = {
            name: Given(env=f"{stem}_{name}") if isinstance(each, Given) else each for name, each in values[key].items()
        }
    return made


@cache
def _build_dumper() -> Any:
    """Return the safe dumper, with long texts as blocks and list items below their keys, indented."""
    yaml = importlib.import_module("yaml")

    def indent(dumper: Any, flow: bool = False, indentless: bool = False) -> Any:
        return yaml.SafeDumper.increase_indent(dumper, flow, False)

    def write_text(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def write_flow(dumper: Any, found: Flow) -> Any:
        return dumper.represent_mapping("tag:yaml.org,2002:map", found, flow_style=True)

    made: Any = type("ManifestDumper", (yaml.SafeDumper,), {"increase_indent": indent, "ignore_aliases": _never})
    made.add_representer(str, write_text)
    made.add_representer(Flow, write_flow)
    return made


def _never(dumper: Any, data: Any) -> bool:
    return True
