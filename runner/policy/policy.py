"""The policy: the rules, and the check of a command against them."""

from collections.abc import Mapping

from runner.policy.verdict import Verdict


class Policy:
    """A set of rules with a version."""

    def __init__(self, version: str) -> None:
        self.version = version

    @classmethod
    def load(cls) -> "Policy":
        return cls("0")

    def check(self, command: str, *, env: Mapping[str, str] | None = None) -> Verdict:
        return Verdict(findings=(), version=self.version)
