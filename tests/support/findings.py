"""Findings of a command policy that a test makes up."""

from typing import Any

from runner.policy import Finding


def make_finding(rule: str, severity: str, **changes: Any) -> Finding:
    """One of the first character, which says nothing more unless `changes` do."""
    usual: dict[str, Any] = {"message_en": "not today", "message_zh": "今天不行", "start": 0, "end": 1, "line": 1}
    return Finding(**usual | {"column": 1, "text": "x", "rule": rule, "severity": severity} | changes)
