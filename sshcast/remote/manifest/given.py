"""Reads the values that a file only points to: from environment variables and from other files."""

import os
from dataclasses import dataclass
from typing import Any

from sshcast.remote.manifest.faults import Faults
from sshcast.remote.manifest.keys import CREDENTIAL
from sshcast.remote.manifest.reader import Given, Item, Registered
from sshcast.words import Bilingual

LARGEST = 1024 * 1024
WHOLE_FILES = ("privateKey", "certificate")


@dataclass(frozen=True, slots=True)
class GivenValues:
    """Reads values. What is missing is a fault at the line that points to it."""

    faults: Faults

    def read_credential(self, item: Item) -> dict[str, Any]:
        credential = item.values["credential"]
        return {
            key.name: self._read(item, credential[key.name], "credential", key.name)
            for key in CREDENTIAL.keys
            if key.name in credential
        }

    def read_values(self, item: Item, key: str) -> list[dict[str, Any]]:
        """Return `{name, value}` for each entry of `env` or `parameterValues`."""
        return [
            {"name": name, "value": value if isinstance(value, str) else self._read(item, value, key, name)}
            for name, value in item.values[key].items()
        ]

    def read_variables(self, item: Item, kept: set[str]) -> list[dict[str, Any]]:
        """Return secret variables as the API takes them; those in `kept` without a value, so that theirs stays."""
        found = []
        for name, value in item.values["secretEnv"].items():
            if isinstance(value, Registered):
                found.append({"name": name, "secret": value.name})
            elif name in kept:
                found.append({"name": name})
            else:
                found.append({"name": name, "value": self._read(item, value, "secretEnv", name)})
        return found

    def _read(self, item: Item, given: Given, key: str, name: str) -> str:
        text, fault = _read_env(given.env) if given.env is not None else _read_file(given)
        if fault is not None:
            self.faults.add(item.find_mark(key, name), fault, fault.chinese)
        return text if name in WHOLE_FILES else text.removesuffix("\n").removesuffix("\r")


def _read_env(name: str) -> tuple[str, Bilingual | None]:
    text = os.environ.get(name, "")
    if not text:
        return "", Bilingual(
            f"the environment variable {name} is not set: set it for this command",
            f"未设置环境变量 {name}：请为此命令设置",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        return "", Bilingual(f"the environment variable {name} is not UTF-8 text", f"环境变量 {name} 不是 UTF-8 文本")
    return text, None


def _read_file(given: Given) -> tuple[str, Bilingual | None]:
    assert given.file is not None, "it is in one of the two"
    try:
        with given.file.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode()
    except OSError as error:
        why = error.strerror or error
        return "", Bilingual(f"cannot read {given.file}: {why}", f"无法读取 {given.file}：{why}")
    except (UnicodeDecodeError, ValueError):
        return "", Bilingual(f"{given.file} is not UTF-8 text", f"{given.file} 不是 UTF-8 文本")
    if len(data) > LARGEST:
        return "", Bilingual(f"{given.file} has more than 1 MiB", f"{given.file} 超过 1 MiB")
    return text, None
