"""The command `sshcast doctor`."""

import importlib
from typing import Annotated

import typer

from sshcast.cli_options import Data
from sshcast.errors import CommandFailed
from sshcast.remote.choice import Choice, find_context, open_api
from sshcast.remote.options import ContextName, Local
from sshcast.words import choose

Server = Annotated[str | None, typer.Argument(help="Check this server too, by name or id, and run `true` there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]


def doctor(
    server: Server = None, json: Json = False, local: Local = False, context: ContextName = None, data: Data = None
) -> None:
    """Look for what is wrong with a service, and say what to do. Changes nothing; exits with 1 if a check failed."""
    choice = Choice(local=local, context=context, data=data)
    found, work = find_context(choice), importlib.import_module("sshcast.doctor.examine")
    if found is None:
        if server is not None:
            raise CommandFailed(
                choose(
                    "a server is checked through a running service: `sshcast login URL` first",
                    "检查服务器需要通过运行中的服务：请先执行 `sshcast login URL`",
                )
            )
        given = {} if data is None else {"data": data}
        raise typer.Exit(work.examine_machine(as_json=json, **given))
    with open_api(choice) as api:
        raise typer.Exit(work.examine_service(found, api, server, as_json=json))
