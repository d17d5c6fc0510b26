"""Checks of servers over GraphQL: made by the service's own runner, and their mistakes as payloads tell them."""

import pytest

from runner.ssh.keys import fingerprint
from tests.support.service import Running

pytestmark = pytest.mark.anyio

CHECK = """mutation($id: ID!) { checkServer(input: {id: $id}) {
  check { ready server { id } steps { step status durationMs found message }
          hostKey { type fingerprint pinned } clockDifferenceSeconds roundTripMs }
  errors { __typename code message field } } }"""
STEPS = ["REACH", "HOST_KEY", "SIGN_IN", "LOGIN_SHELL", "SETSID", "PROC", "PROGRAMS", "FOLDER", "CLOCK", "ROUND_TRIP"]


async def test_the_services_runner_checks_a_server_step_by_step(live: Running) -> None:
    answer = (await live.data(CHECK, "operator", id=str(live.server.id)))["checkServer"]
    found = answer["check"]
    assert answer["errors"] == []
    assert [step["step"] for step in found["steps"]] == STEPS
    assert {step["status"] for step in found["steps"]} == {"OK"}, found["steps"]
    assert found["ready"]
    assert found["server"] == {"id": str(live.server.id)}
    key = {"type": "ssh-ed25519", "fingerprint": fingerprint(live.server.host_keys[0]), "pinned": True}
    assert found["hostKey"] == key
    assert found["roundTripMs"] > 0
    assert abs(found["clockDifferenceSeconds"]) < 60


async def test_a_server_that_is_not_there_and_an_id_that_is_none_are_told_with_the_field(live: Running) -> None:
    (missing,) = (await live.data(CHECK, "operator", id="4711"))["checkServer"]["errors"]
    assert (missing["__typename"], missing["field"]) == ("ObjectNotFound", ["id"])
    (bad,) = (await live.data(CHECK, "operator", id="x"))["checkServer"]["errors"]
    assert (bad["code"], bad["field"]) == ("INVALID", ["id"])


async def test_without_a_runner_that_is_an_error_of_its_own(fresh: Running) -> None:
    (error,) = (await fresh.graphql(CHECK, "operator", id=str(fresh.server.id)))["errors"]
    assert (error["extensions"]["code"], error["message"]) == (
        "UNAVAILABLE",
        "No runner is at work: try again shortly.",
    )
