"""Reads files into objects by the keys that they may have, and finds what is wrong with them on the way."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sshcast.remote.manifest import trees
from sshcast.remote.manifest.faults import Faults, FileMark
from sshcast.remote.manifest.keys import (
    KINDS,
    Flag,
    Form,
    Key,
    KeyGroup,
    ListOf,
    MapOf,
    Number,
    Reference,
    Secret,
    Text,
    Value,
    Variable,
    Word,
)
from sshcast.words import choose

MOST_NODES = 1_000_000
WHOLE = re.compile(r"[-+]?[0-9]{1,19}")
TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")
MISSING = object()
LITERAL = (
    "a secret does not stand in this file: write {env: NAME} or {file: PATH}",
    "机密不写在此文件中：请写 {env: NAME} 或 {file: PATH}",
)


@dataclass(frozen=True, slots=True)
class Given:
    """Where a value is: in an environment variable, or in a file."""

    env: str | None = None
    file: Path | None = None

    def __str__(self) -> str:
        return f"the variable {self.env}" if self.env is not None else f"the file {self.file}"


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered secret, by its name."""

    name: str


@dataclass(slots=True)
class Item:
    """One object of a file. `marks`: the place of each key that it has, also of one that could not be read."""

    kind: str
    mark: FileMark
    values: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, FileMark] = field(default_factory=dict)

    def find_mark(self, *path: str) -> FileMark:
        """Return the place of a key, or of the nearest one around it."""
        for length in range(len(path), 0, -1):
            if (found := self.marks.get(".".join(path[:length]))) is not None:
                return found
        return self.mark


@dataclass(slots=True)
class Reader:
    """Reads the trees of files. `only`: the kinds that are read; others are left out, unless they are mistaken."""

    faults: Faults
    only: Collection[str] = tuple(KINDS)
    items: list[Item] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    _source: trees.SourceFile = field(default_factory=lambda: trees.SourceFile("", Path(), ""))
    _item: Item | None = None
    _left: int = MOST_NODES

    def read(self, source: trees.SourceFile) -> None:
        self._source = source
        for tree in trees.compose(source):
            self._read_document(tree)

    def _read_document(self, tree: Any) -> None:
        self._item = None
        for name, node in self._read_pairs(tree, "", _name_kinds()):
            if name.startswith("x-"):  # a place for what anchors name
                continue
            group = KINDS.get(name)
            if group is None:
                self._add_unknown(node, name, "", tuple(KINDS))
            elif name in self.only:
                self.kinds.add(name)
                self._read_kind(name, group, node)

    def _read_kind(self, kind: str, group: KeyGroup, node: Any) -> None:
        if trees.is_null(node):
            return
        if not trees.is_list(node):
            self._add(node, kind, f"{kind} are a list: begin each with -", f"{kind} 应为列表：每一项以 - 开头")
            return
        for place, each in enumerate(node.value):
            path = f"{kind}[{place}]"
            self._item = Item(kind, self._mark(each, path))
            values = self._read_value(group, each, path)
            if values is not MISSING:
                self._item.values = values
                self.items.append(self._item)

    def _read_value(self, form: Form, node: Any, path: str) -> Any:
        """Return a value in the form; MISSING if it is not, which is a fault then."""
        self._left -= 1
        if self._left < 0:
            if self._left == -1:
                english = "this file says too much: do its anchors repeat each other?"
                self._add(node, path, english, "此文件内容过多：其锚点是否互相重复引用？")
            return MISSING
        if isinstance(form, KeyGroup):
            return self._read_group(form, node, path)
        if isinstance(form, ListOf):
            return self._read_list(form, node, path)
        if isinstance(form, MapOf):
            return self._read_map(form, node, path)
        if isinstance(form, Secret | Value | Variable):
            return self._read_given(form, node, path)
        return self._read_scalar(form, node, path)

    def _read_group(self, form: KeyGroup, node: Any, path: str) -> Any:
        if not trees.is_mapping(node):
            return self._refuse(form, node, path)
        found: dict[str, Any] = {}
        for name, inner in self._read_pairs(node, path, str(form)):
            key, where = form.find(name), f"{path}.{name}"
            if key is None:
                self._add_unknown(inner, name, path, tuple(each.name for each in form.keys))
                continue
            self._remember(inner, where)
            value = self._read_key(key, inner, where)
            if value is not MISSING:
                found[name] = value
        return found

    def _read_key(self, key: Key, node: Any, path: str) -> Any:
        if not trees.is_null(node):
            return self._read_value(key.form, node, path)
        if not key.is_nullable:
            english = f"it cannot be null: it must be {key.form}, or be left out"
            self._add(node, path, english, f"不能为 null，应为：{key.form}，或不写此键")
            return MISSING
        return None

    def _read_list(self, form: ListOf, node: Any, path: str) -> Any:
        if not trees.is_list(node):
            return self._refuse(form, node, path)
        found = []
        for place, each in enumerate(node.value):
            where = f"{path}[{place}]"
            self._remember(each, where)
            found.append(self._read_value(form.item, each, where))
        return [each for each in found if each is not MISSING]

    def _read_map(self, form: MapOf, node: Any, path: str) -> Any:
        if not trees.is_mapping(node):
            return self._refuse(form, node, path)
        found = {}
        for name, each in self._read_pairs(node, path, str(form)):
            where = f"{path}.{name}"
            self._remember(each, where)
            value = self._read_value(form.item, each, where)
            if value is not MISSING:
                found[name] = value
        return found

    def _read_scalar(self, form: Form, node: Any, path: str) -> Any:
        if not trees.is_scalar(node) or trees.is_null(node):
            return self._refuse(form, node, path)
        text = trees.get_text(node)
        if isinstance(form, Text | Reference):
            return text
        if isinstance(form, Number) and WHOLE.fullmatch(text):
            return int(text)
        if isinstance(form, Flag) and text.lower() in (*TRUE, *FALSE):
            return text.lower() in TRUE
        if isinstance(form, Word) and (word := text.strip().upper().replace("-", "_")) in form.words:
            return word
        return self._refuse(form, node, path)

    def _read_given(self, form: Form, node: Any, path: str) -> Any:
        if trees.is_scalar(node) and not trees.is_null(node):
            if isinstance(form, Value):
                return trees.get_text(node)
            self._add(node, path, *LITERAL)
            return MISSING
        if not trees.is_mapping(node):
            return self._refuse(form, node, path)
        pairs = list(self._read_pairs(node, path, str(form)))
        names = ("env", "file", "secret") if isinstance(form, Variable) else ("env", "file")
        if len(pairs) != 1 or pairs[0][0] not in names or not trees.is_scalar(pairs[0][1]):
            return self._refuse(form, node, path)
        ((name, inner),) = pairs
        return self._build_given(name, trees.get_text(inner))

    def _build_given(self, name: str, text: str) -> Given | Registered:
        if name == "secret":
            return Registered(text)
        return Given(env=text) if name == "env" else Given(file=self._source.folder / Path(text).expanduser())

    def _read_pairs(self, node: Any, path: str, what: str) -> list[tuple[str, Any]]:
        """Return the keys of a mapping with their nodes; a key that stands there twice is a fault."""
        if not trees.is_mapping(node):
            self._add(node, path, f"it must be {what}", f"应为：{what}")
            return []
        found: dict[str, Any] = {}
        own: Mapping[str, int] = {}
        for key, value, is_merged in trees.list_pairs(node):
            if not trees.is_scalar(key):
                self._add(key, path, "a key is a text", "键应为文本")
                continue
            name = trees.get_text(key)
            if name not in found:
                found[name] = value
                own = own if is_merged else {**own, name: trees.get_line(key)}
            elif not is_merged:
                line = own[name]
                english = f"it stands there twice, also in line {line}"
                self._add(key, f"{path}.{name}" if path else name, english, f"出现了两次，另见第 {line} 行")
        return list(found.items())

    def _refuse(self, form: Form, node: Any, path: str) -> Any:
        is_open = trees.is_scalar(node) and not isinstance(form, Secret | Value | Variable | MapOf | KeyGroup)
        shown = _show(node) if is_open else None
        english, chinese = ("", "") if shown is None else (f"{shown}: ", f"{shown}：")
        self._add(node, path, f"{english}it must be {form}", f"{chinese}应为：{form}")
        return MISSING

    def _add_unknown(self, node: Any, name: str, path: str, allowed: tuple[str, ...]) -> None:
        near = get_close_matches(name, allowed, n=1)
        english, chinese = (f"did you mean {near[0]}? ", f"是否想写 {near[0]}？") if near else ("", "")
        where, names = f"{path}.{name}" if path else name, ", ".join(allowed)
        self._add(
            node, where, f"there is no such key: {english}There are {names}", f"没有此键：{chinese}可用的键：{names}"
        )

    def _add(self, node: Any, path: str, english: str, chinese: str) -> None:
        self.faults.add(self._mark(node, path), english, chinese)

    def _mark(self, node: Any, path: str) -> FileMark:
        return FileMark(self._source.name, trees.get_line(node), path)

    def _remember(self, node: Any, path: str) -> None:
        if self._item is not None:
            self._item.marks[path.removeprefix(f"{self._item.mark.path}.")] = self._mark(node, path)


def _show(node: Any) -> str:
    return "null" if trees.is_null(node) else f"{trees.get_text(node)[:60]!r}"


def _name_kinds() -> str:
    names = ", ".join(KINDS)
    return choose(f"a mapping of {names}", f"以下键的映射：{names}")
