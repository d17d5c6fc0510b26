"""The command policy: a guard rail, not a sandbox."""

from runner.policy.policy import Policy
from runner.policy.verdict import Finding, Severity, Verdict

__all__ = ["Finding", "Policy", "Severity", "Verdict"]
