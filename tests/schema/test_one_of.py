"""An input of which exactly one field is to be given: any other number is the caller's mistake, and is told as one."""

import pytest

from tests.support.service import Running

pytestmark = pytest.mark.anyio

LITERAL = 'query {{ fleetRunPlan(input: {{work: {work}, selector: {{nameContains: ""}}}}) {{ digest }} }}'
BY_VARIABLE = """query ($work: FleetWork!) {
  fleetRunPlan(input: {work: $work, selector: {nameContains: ""}}) { digest } }"""
WRONG = {
    "{}": {},
    '{taskId: "1", command: {command: "df"}}': {"taskId": "1", "command": {"command": "df"}},
    "{taskId: null}": {"taskId": None},
}


@pytest.mark.parametrize("work", WRONG)
async def test_in_the_document(api: Running, work: str) -> None:
    (error,) = (await api.graphql(LITERAL.format(work=work)))["errors"]
    assert error["extensions"]["code"] == "DOCUMENT_INVALID"
    assert "FleetWork" in error["message"] or "taskId" in error["message"]


@pytest.mark.parametrize("work", WRONG.values(), ids=WRONG)
async def test_in_a_variable(api: Running, work: object) -> None:
    (error,) = (await api.graphql(BY_VARIABLE, work=work))["errors"]
    assert error["extensions"]["code"] == "DOCUMENT_INVALID"
    assert "FleetWork" in error["message"] or "taskId" in error["message"]
