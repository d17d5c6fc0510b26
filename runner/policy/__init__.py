"""The command policy: a guard rail, not a sandbox."""

from runner.policy.policy import HOME, Policy
from runner.policy.rules.book import Rule
from runner.policy.rules.when import RuleFault
from runner.policy.tuning import Tuning, covers, extended
from runner.policy.verdict import Finding, Mode, Severity, Verdict

__all__ = [
    "HOME",
    "Finding",
    "Mode",
    "Policy",
    "Rule",
    "RuleFault",
    "Severity",
    "Tuning",
    "Verdict",
    "covers",
    "extended",
]
