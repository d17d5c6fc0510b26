"""The setting that says how strictly the command policy is taken."""

from pathlib import Path

import pytest

from sshcast.app import open_service
from sshcast.settings import Settings

pytestmark = pytest.mark.anyio

UNKNOWN = 'tool=$(cat /etc/tool); "$tool" --version'


@pytest.mark.parametrize(
    ("mode", "refused"), [("standard", {"sudo id"}), ("strict", {"sudo id", UNKNOWN}), ("audit", set())]
)
async def test_the_service_takes_its_policy_as_strictly_as_it_is_told(
    tmp_path: Path, mode: str, refused: set[str]
) -> None:
    async with open_service(Settings(data=tmp_path, policy_mode=mode)) as service:
        verdicts = {command: service.policy.check(command) for command in ("sudo id", UNKNOWN, "df -h")}
    assert {command for command, verdict in verdicts.items() if not verdict.is_allowed} == refused
    assert all(mode in verdict.version for verdict in verdicts.values())
