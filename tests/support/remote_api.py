"""The API of a remote service, as the command line opens it: for what no command does yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sshcast.remote.api import Api
from sshcast.remote.choice import Choice, open_api
from tests.support.remote import Remote

RUN = """
mutation Run($input: RunCommandInput!) {
  runCommand(input: $input) { errors { code field message } execution { id } }
}
"""


@contextmanager
def opened(remote: Remote) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in remote.commands.environment().items():
            patch.setenv(name, value)
        with open_api(Choice()) as api:
            yield api


def run_command(remote: Remote, command: str, **more: Any) -> str:
    """The id of a run of a command on the demo's server, which has ended."""
    given = {"serverId": "1", "command": command, "wait": 30} | more
    with opened(remote) as api:
        return str(api.execute(RUN, {"input": given})["runCommand"]["execution"]["id"])
