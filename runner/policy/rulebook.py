"""The rules as data: how severe each is, and what it tells the person."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from runner.policy.verdict import Severity

Mode = Literal["standard", "strict", "audit"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`strict` is the severity in strict mode."""

    id: str
    severity: Severity
    strict: Severity
    en: str
    zh: str

    def severity_in(self, mode: Mode) -> Severity:
        """In audit mode nothing is stopped."""
        if mode == "audit":
            return "warn"
        return self.strict if mode == "strict" else self.severity


@dataclass(frozen=True, slots=True)
class Rules:
    by_id: Mapping[str, Rule]
    version: str


def load() -> Rules:
    """The rules of the package. The version is a number and a digest, of at most 32 characters."""
    raw = resources.files("runner.policy.rules").joinpath("rules.toml").read_bytes()
    table = tomllib.loads(raw.decode())
    found = {
        name: Rule(name, rule["severity"], rule.get("strict", rule["severity"]), rule["en"], rule["zh"])
        for name, rule in table["rules"].items()
    }
    return Rules(found, f"{table['code']}-{hashlib.sha256(raw).hexdigest()[:12]}")
