"""The version of the rules is a word of ours: it changes with what they decide, and with nothing else."""

import hashlib

from runner.policy import Policy
from runner.policy.rules.rulebook import VERSION
from tests.support.policy_cases import read

SETS = ("policy-dev.jsonl", "unseen.jsonl", "policy-unseen.jsonl", "held-out.jsonl", "fresh.jsonl")
JUDGED = ("2026.11.1", "51aea8df008998f3")


def test_who_judges_a_command_otherwise_raises_the_version() -> None:
    """When this fails, commands are judged otherwise: raise VERSION, and put it here with the new digest."""
    policy, total = Policy.load(), hashlib.sha256()
    for name in SETS:
        for case in read(name):
            found = sorted((finding.rule, finding.severity) for finding in policy.check(case.command).findings)
            total.update(repr((case.command, found)).encode())
    assert (VERSION, total.hexdigest()[:16]) == JUDGED
