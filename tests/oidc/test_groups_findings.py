"""Why somebody's groups give them no role: told apart in the log and in the audit, and not to the user."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from db import audit as audit_table
from tests.support.oidc.forger import AUDIENCE, CLIENT, Forger
from tests.support.oidc.transports import who
from tests.support.oidc.visitor import Visitor, visiting
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
OVERAGE = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example/x"}}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no claim": ({"groups": None}, {"problem": "missing"}, "SSHCAST_OIDC_GROUPS_CLAIM"),
    "Entra's overage": ({"groups": None} | OVERAGE, {"problem": "overage"}, "app roles"),
    "Entra's overage, short": ({"groups": None, "hasgroups": True}, {"problem": "overage"}, "app roles"),
    "one text": ({"groups": "ops root"}, {"problem": "wrong-type", "seen": ["ops root"]}, "one text and not a list"),
    "text with commas": ({"groups": "ops,root"}, {"problem": "wrong-type", "seen": ["ops,root"]}, "list of names"),
    "an object": ({"groups": {"ops": True}}, {"problem": "wrong-type"}, "an object"),
    "a number": ({"groups": 7}, {"problem": "wrong-type"}, "a number"),
    "objects in it": ({"groups": [{"name": "ops"}]}, {"problem": "wrong-type"}, "an object in its list"),
    "an empty list": ({"groups": []}, {"problem": "empty"}, "in no group"),
    "an empty text": ({"groups": ""}, {"problem": "empty"}, "in no group"),
    "other groups": ({"groups": ["one", "two"]}, {"problem": "unmapped", "seen": ["one", "two"]}, "none of them is in"),
    "Keycloak's path": (
        {"groups": ["/ops"]},
        {"problem": "unmapped", "seen": ["/ops"]},
        "switch off 'Full group path'",
    ),
    "a longer path": ({"groups": ["/it/ops"]}, {"problem": "unmapped", "seen": ["/it/ops"]}, "map /it/ops"),
    "a path is mapped": ({"groups": ["deep"]}, {"problem": "unmapped", "seen": ["deep"]}, "where /it/deep is mapped"),
    "case": ({"groups": ["OPS"]}, {"problem": "unmapped", "seen": ["OPS"]}, "upper and lower case"),
    "blanks": ({"groups": [" ops"]}, {"problem": "unmapped", "seen": [" ops"]}, "or in blanks"),
    "a distinguished name": (
        {"groups": ["CN=Ops,OU=x"]},
        {"problem": "unmapped", "seen": ["CN=Ops,OU=x"]},
        "where ops",
    ),
    "a domain": ({"groups": ["CORP\\ops"]}, {"problem": "unmapped", "seen": ["CORP\\ops"]}, "where ops is mapped"),
    "Entra's ids": ({"groups": [ID]}, {"problem": "unmapped", "seen": [ID]}, "ids of groups"),
}


@pytest.fixture(scope="module")
async def api(forger: Forger, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with serving(forger, tmp_path_factory.mktemp("groups")) as found:
        yield found


def serving(forger: Forger, folder: Path, **changes: Any) -> Any:
    settings = {"oidc_issuer": forger.issuer, "oidc_client_id": CLIENT, "oidc_audience": AUDIENCE}
    settings |= {"public_url": "http://127.0.0.1:1", "oidc_role_map": "ops=operator,/it/deep=viewer"}
    return running(folder, **settings | changes)


async def events(api: Running, subject: str) -> list[tuple[str, dict[str, Any]]]:
    found = await api.service.store.read(audit_table.list_after, 0, 10_000)
    return [(each.kind, json.loads(each.after or "")) for each in found if f'"{subject}"' in (each.after or "")]


async def come(forger: Forger, api: Running, **claims: Any) -> tuple[str, list[Any]]:
    """Sign in on the page: where it leads, and what the log says of groups."""
    async with visiting(api.url) as visitor:
        with capture_logs() as logs:
            address = await come_back(forger, visitor, **claims)
    return address, [line for line in logs if "groups" in line["event"]]


async def come_back(forger: Forger, visitor: Visitor, **claims: Any) -> str:
    asked = await visitor.begin()
    forger.answer = {"id_token": forger.id_token(nonce=asked["nonce"], **claims), "access_token": "at"}
    return await visitor.come_back(code="a code", state=asked["state"])


@pytest.mark.parametrize("case", list(CASES))
async def test_a_refused_sign_in_says_what_was_wrong_with_the_groups(api: Running, forger: Forger, case: str) -> None:
    claims, expected, hint = CASES[case]
    address, (line,) = await come(forger, api, sub=f"in {case}", **claims)
    ((kind, after),) = await events(api, f"in {case}")
    assert address == "/graphql#refused=no_role"
    assert (kind, after["reason"]) == ("sign-in-failed", "no_role")
    assert after["groups"].items() >= (expected | {"claim": "groups"}).items()
    assert hint in after["groups"]["hint"]
    assert line["event"] == "a sign-in is refused: its groups give no role"
    assert {name: line[name] for name in after["groups"]} == after["groups"]


@pytest.mark.parametrize("case", list(CASES))
async def test_so_does_a_refused_access_token(api: Running, forger: Forger, case: str) -> None:
    claims, expected, hint = CASES[case]
    with capture_logs() as logs:
        assert await who(api, forger.access(sub=f"at {case}", **claims), "rest") is None
    ((kind, after),) = await events(api, f"at {case}")
    assert (kind, after["groups"].items() >= expected.items()) == ("sign-in-failed", True)
    assert hint in after["groups"]["hint"]
    assert [line["problem"] for line in logs if "its groups give no role" in line["event"]] == [expected["problem"]]


async def test_a_missing_claim_is_told_with_those_that_there_are(api: Running, forger: Forger) -> None:
    await come(forger, api, sub="no groups", groups=None, roles=["ops"], wids=[])
    ((_, after),) = await events(api, "no groups")
    assert {"roles", "wids", "sub"} <= set(after["groups"]["claims"])
    assert "seen" not in after["groups"]


async def test_what_is_told_is_bounded_and_fit_to_be_printed(api: Running, forger: Forger) -> None:
    names = ["x" * 1000, "line\nfeed\x1b[31m\u202e", *(f"group {n}" for n in range(300))]
    await come(forger, api, sub="bounds", groups=names)
    ((_, after),) = await events(api, "bounds")
    seen = after["groups"]["seen"]
    assert (len(seen), after["groups"]["more"]) == (20, 282)
    assert seen[0] == "x" * 64 + "…"
    assert seen[1] == "line\ufffdfeed\ufffd[31m\ufffd"
    assert len(json.dumps(after)) < 3000


async def test_groups_that_give_a_role_leave_no_finding(api: Running, forger: Forger) -> None:
    address, lines = await come(forger, api, sub="fine", groups=["others", "ops"])
    assert "#code=" in address
    assert lines == []
    ((kind, after),) = await events(api, "fine")
    assert (kind, "groups" in after) == ("user-added", False)


async def test_the_default_role_is_told_with_what_was_wrong(forger: Forger, tmp_path: Path) -> None:
    async with serving(forger, tmp_path, oidc_default_role="viewer") as api:
        first = await come(forger, api, sub="default", groups=["ops"])
        address, (line,) = await come(forger, api, sub="default", groups=["/ops"], iat=forger.claims()["iat"] + 1)
        (_, added), (kind, updated), *_ = await events(api, "default")
        newcomer, (other,) = await come(forger, api, sub="by default", groups=None)
        ((_, made),) = await events(api, "by default")
    assert first[1] == []
    assert "#code=" in address
    assert "#code=" in newcomer
    assert ("groups" in added, kind, updated["role"]) == (False, "user-updated", "viewer")
    assert updated["groups"]["seen"] == ["/ops"]
    assert made["groups"]["problem"] == "missing"
    assert line["event"] == other["event"] == "a sign-in gets the default role: its groups give no other"
    assert (line["role"], line["problem"], other["problem"]) == ("viewer", "unmapped", "missing")


async def test_without_a_map_that_is_what_is_told(forger: Forger, tmp_path: Path) -> None:
    async with serving(forger, tmp_path, oidc_role_map="") as api:
        _, (line,) = await come(forger, api, sub="no map", groups=["ops"])
    assert (line["problem"], line["seen"]) == ("no-map", ["ops"])
    assert "SSHCAST_OIDC_ROLE_MAP is not set" in line["hint"]


async def test_where_ids_are_mapped_names_are_told_to_be_names(forger: Forger, tmp_path: Path) -> None:
    async with serving(forger, tmp_path, oidc_role_map=f"{ID}=operator") as api:
        _, (line,) = await come(forger, api, sub="names", groups=["ops"])
    assert "has ids of groups, and the token has names" in line["hint"]


async def test_a_claim_within_others_is_told_by_where_the_way_to_it_ends(forger: Forger, tmp_path: Path) -> None:
    async with serving(forger, tmp_path, oidc_groups_claim="resource_access.sshcast.roles") as api:
        _, (line,) = await come(forger, api, sub="within", resource_access={"account": {"roles": ["ops"]}})
    assert (line["problem"], line["claim"]) == ("missing", "resource_access.sshcast.roles")
    assert line["claims"] == ["account"]
