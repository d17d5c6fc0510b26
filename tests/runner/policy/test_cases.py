"""Every worked case is judged as it says."""

import pytest

from runner.policy import Policy
from tests.runner.policy.cases import Case, params, read

POLICY = Policy.load()


@pytest.mark.parametrize("case", params("policy-dev.jsonl"))
def test_a_worked_case_is_denied_under_its_rule_or_allowed(case: Case) -> None:
    verdict = POLICY.check(case.command)

    if case.expect == "deny":
        assert (case.rule, "deny") in {(finding.rule, finding.severity) for finding in verdict.findings}
    else:
        assert verdict.allowed, verdict.findings


LEAST_REFUSED = 0.97
MOST_REFUSED_WRONGLY = 0.01


@pytest.mark.parametrize("name", ["unseen.jsonl", "policy-unseen.jsonl"])
def test_of_commands_written_without_sight_of_the_rules_nearly_all_are_judged_right(name: str) -> None:
    cases = list(read(name))
    refused = [case for case in cases if case.expect == "deny"]
    everyday = [case for case in cases if case.expect != "deny"]
    missed = [case.command for case in refused if POLICY.check(case.command).allowed]
    wrong = [case.command for case in everyday if not POLICY.check(case.command).allowed]

    assert len(refused) > 500
    assert len(everyday) > 300
    assert len(missed) <= (1 - LEAST_REFUSED) * len(refused), missed
    assert len(wrong) <= MOST_REFUSED_WRONGLY * len(everyday), wrong
