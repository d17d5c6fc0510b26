"""The command policy: a guard rail, not a sandbox."""

from runner.policy.policy import HOME, Policy
from runner.policy.rules.overrides import Overrides, covers, extend_rulebook
from runner.policy.rules.rulebook import Rule
from runner.policy.rules.when import RuleFault
from runner.policy.verdict import Finding, Mode, Severity, Verdict

__all__ = [
    "HOME",
    "Finding",
    "Mode",
    "Overrides",
    "Policy",
    "Rule",
    "RuleFault",
    "Severity",
    "Verdict",
    "covers",
    "extend_rulebook",
]
