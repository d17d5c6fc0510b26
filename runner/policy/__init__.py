"""The command policy: a guard rail, not a sandbox."""

from runner.policy.policy import HOME, Policy
from runner.policy.tuning import Tuning
from runner.policy.verdict import Finding, Mode, Severity, Verdict

__all__ = ["HOME", "Finding", "Mode", "Policy", "Severity", "Tuning", "Verdict"]
