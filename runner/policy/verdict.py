"""The verdict of the policy on a command, and its findings."""

from dataclasses import dataclass
from typing import Literal

ENVIRONMENT = "dynamic.environment"
Severity = Literal["deny", "warn"]
Mode = Literal["standard", "strict", "audit"]
"""`standard` refuses what is known to be dangerous, `strict` also what cannot be known, `audit` refuses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that a command broke, and where.

    `start` and `end` are character offsets; `line` and `column` count from 1. `via` lists how that text is reached,
    outermost first, such as `sh -c` or `xargs`.
    """

    rule: str
    severity: Severity
    message_en: str
    message_zh: str
    start: int
    end: int
    line: int
    column: int
    text: str
    via: tuple[str, ...] = ()

    @property
    def variable(self) -> str | None:
        """The environment variable that broke the rule, or None if the finding points at text of the command."""
        kind, _, name = self.via[0].partition(" ") if self.via else ("", "", "")
        return name if name and kind == "env" and self.rule == ENVIRONMENT and not self.end else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Every finding, in the order of the text, and the version of the rules that were applied."""

    findings: tuple[Finding, ...]
    version: str
    mode: Mode = "standard"

    @property
    def is_allowed(self) -> bool:
        """True if no finding denies the command. In audit mode findings are only recorded."""
        return self.mode == "audit" or all(finding.severity != "deny" for finding in self.findings)
