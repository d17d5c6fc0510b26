"""Every worked case is judged as it says."""

import pytest

from runner.policy import Policy
from tests.runner.policy.cases import Case, params

POLICY = Policy.load()


@pytest.mark.parametrize("case", params("policy-dev.jsonl"))
def test_a_worked_case_is_denied_under_its_rule_or_allowed(case: Case) -> None:
    verdict = POLICY.check(case.command)

    if case.expect == "deny":
        assert (case.rule, "deny") in {(finding.rule, finding.severity) for finding in verdict.findings}
    else:
        assert verdict.allowed, verdict.findings
