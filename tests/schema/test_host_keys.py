"""Host keys over GraphQL: shown by the service's own runner, accepted by fingerprint, refused as payloads tell."""

from typing import Any

import pytest

from tests.support.service import Running

pytestmark = pytest.mark.anyio

SCAN = """mutation($i: ScanHostKeysInput!) { scanHostKeys(input: $i) {
  hostKeys { type fingerprint line status } errors { __typename code message field } } }"""
ACCEPT = """mutation($i: UpdateServerInput!) { updateServer(input: $i) {
  server { hostKeys } errors { __typename code message field } } }"""


async def scanned(api: Running, **input: Any) -> Any:
    return (await api.data(SCAN, "admin", i={"host": "127.0.0.1"} | input))["scanHostKeys"]


async def accepted(api: Running, **input: Any) -> Any:
    return (await api.data(ACCEPT, "admin", i={"id": str(api.server.id)} | input))["updateServer"]


async def test_the_services_runner_answers_and_what_it_showed_is_accepted(live: Running) -> None:
    found = await scanned(live, port=live.server.port)
    (key,) = found["hostKeys"]
    assert (key["type"], key["line"], key["status"]) == ("ssh-ed25519", live.server.host_keys[0], "PINNED")
    assert found["errors"] == []
    assert await accepted(live, acceptFingerprints=[key["fingerprint"]]) == {
        "server": {"hostKeys": [key["line"]]},
        "errors": [],
    }


async def test_what_was_refused_is_in_the_payload_with_its_code_and_field(live: Running) -> None:
    (dead,) = (await scanned(live, port=1))["errors"]
    assert (dead["__typename"], dead["code"], dead["field"]) == ("ServerUnreachable", "UNREACHABLE", ["host"])
    (port,) = (await scanned(live, port=0))["errors"]
    assert (port["code"], port["field"]) == ("INVALID", ["port"])
    (metadata,) = (await scanned(live, host="169.254.169.254"))["errors"]
    assert (metadata["code"], metadata["field"]) == ("INVALID", ["host"])
    (other,) = (await accepted(live, acceptFingerprints=[f"SHA256:{'a' * 43}"]))["errors"]
    assert (other["__typename"], other["code"], other["field"]) == (
        "ObjectConflict",
        "CONFLICT",
        ["acceptFingerprints"],
    )
    (both,) = (await accepted(live, acceptFingerprints=[f"SHA256:{'a' * 43}"], hostKeys=["x"]))["errors"]
    assert (both["code"], both["field"]) == ("INVALID", ["acceptFingerprints"])
    assert both["message"] == "acceptFingerprints goes without hostKeys."


async def test_without_a_runner_that_is_an_error_of_its_own(fresh: Running) -> None:
    body = await fresh.graphql(SCAN, "admin", i={"host": "127.0.0.1", "port": 22})
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["message"]) == (
        "UNAVAILABLE",
        "No runner is at work: try again shortly.",
    )


async def test_too_many_scans_are_told_with_the_time_to_wait(fresh: Running) -> None:
    answers = [await fresh.graphql(SCAN, "admin", i={"host": "127.0.0.1", "port": 1}) for _ in range(25)]
    told = [answer["errors"][0]["extensions"] for answer in answers]
    assert {each["code"] for each in told[:10]} == {"UNAVAILABLE"}  # there is no runner, and the attempt counts
    assert {"code": "RATE_LIMITED", "retryAfterSeconds": 1} in told
