"""The command policy's word on a command, before anything is made of it."""

from typing import Any

import pytest

from tests.support.service import Running

pytestmark = pytest.mark.anyio

CHECK = """query($command: String!, $server: ID) { checkCommand(command: $command, serverId: $server) {
  allowed policyVersion findings { rule severity message start end line column text via }
  errors { code field message } } }"""
COUNTS = "{ tasks { totalCount } executions { totalCount } }"


async def check(api: Running, command: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await api.data(CHECK, "viewer", command=command, **given))["checkCommand"]
    return found


async def test_a_plain_command_is_allowed_and_the_version_of_the_rules_is_told(api: Running) -> None:
    found = await check(api, "df -h", server=str(api.server.id))

    assert found["allowed"] is True
    assert found["findings"] == found["errors"] == []
    assert found["policyVersion"] == api.service.policy.version


async def test_a_refusal_names_the_rule_the_place_and_how_it_was_reached(api: Running) -> None:
    command = "cd /srv/app\nbash -c 'ls; sudo make install'"
    found = await check(api, command)

    assert found["allowed"] is False
    (finding,) = found["findings"]
    assert (finding["rule"], finding["severity"]) == ("privilege.sudo", "DENY")
    assert finding["text"] == "sudo make install" == command[finding["start"] : finding["end"]]
    assert (finding["line"], finding["column"]) == (2, 14)
    assert finding["via"] == ["bash -c"]


async def test_a_warning_does_not_stop_a_command(api: Running) -> None:
    found = await check(api, "crontab -r")

    assert found["allowed"] is True
    assert [(item["rule"], item["severity"]) for item in found["findings"]] == [("system.crontab-remove", "WARN")]


async def test_a_check_stores_nothing(api: Running) -> None:
    before = await api.data(COUNTS, "viewer")
    await check(api, "reboot")

    assert await api.data(COUNTS, "viewer") == before


@pytest.mark.parametrize(
    ("command", "given", "code", "field"),
    [
        ("ls", {"server": "999999"}, "NOT_FOUND", ["serverId"]),
        ("ls", {"server": "x"}, "INVALID", ["serverId"]),
        ("", {}, "INVALID", ["command"]),
        ("x" * 65_537, {}, "TOO_LARGE", ["command"]),
    ],
)
async def test_what_cannot_be_checked_is_refused_by_name(
    api: Running, command: str, given: dict[str, Any], code: str, field: list[str]
) -> None:
    found = await check(api, command, **given)

    assert found["allowed"] is None
    (error,) = found["errors"]
    assert (error["code"], error["field"]) == (code, field)
