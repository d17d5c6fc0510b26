"""What a check found: one line, and what to do where something is not as it should be."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]
MARKS: dict[Status, str] = {"ok": "✓", "warning": "!", "failed": "✗"}
COLOURS: dict[Status, str] = {"ok": "green", "warning": "yellow", "failed": "red"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check. `check` is its stable name, `found` one sentence, `advice` what to do, if anything."""

    check: str
    status: Status
    found: str
    advice: str | None = None

    def format(self) -> str:
        advice = "" if self.advice is None else f" — {self.advice}"
        return f"{MARKS[self.status]} {self.check}: {self.found}{advice}"


def pass_check(check: str, found: str) -> Diagnosis:
    return Diagnosis(check, "ok", found)


def warn(check: str, found: str, advice: str) -> Diagnosis:
    return Diagnosis(check, "warning", found, advice)


def fail(check: str, found: str, advice: str) -> Diagnosis:
    return Diagnosis(check, "failed", found, advice)
