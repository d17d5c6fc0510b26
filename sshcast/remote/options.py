"""The options that all commands have that work through the API, and the decorator that adds them."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.notes import Notes
from sshcast.remote.choice import Choice, open_api
from sshcast.remote.printing import Printer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, with the names of the API.")]
Local = Annotated[bool, typer.Option("--local", help="Use the database of this machine, and no context.")]
ContextName = Annotated[str | None, typer.Option("--context", help="The context to use (SSHCAST_CONTEXT).")]
RunAs = Annotated[str | None, typer.Option("--as", help="With --local: the user to act for (SSHCAST_AS).")]
Data = Annotated[Path | None, typer.Option("--data", help="With --local: the data folder (SSHCAST_DATA).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no notes on stderr, only errors.")]

SHARED: dict[str, tuple[Any, Any]] = {
    "json": (Json, False),
    "quiet": (Quiet, False),
    "local": (Local, False),
    "context": (ContextName, None),
    "run_as": (RunAs, None),
    "data": (Data, None),
}


def with_api(command: Callable[..., int | None]) -> Callable[..., None]:
    """Open the API for a command, and pass it and a printer before the command's own options.

    The command gets the shared options beside its own, and the process exits with the status that it returns.
    """
    given = inspect.signature(command, eval_str=True).parameters
    own = [parameter for name, parameter in given.items() if name not in ("api", "printer")]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for name, (annotation, default) in SHARED.items()
    ]

    @wraps(command)
    def call(**options: Any) -> None:
        shared = {name: options.pop(name) for name in SHARED}
        choice = Choice(shared["local"], shared["context"], shared["run_as"], shared["data"])
        printer = Printer(shared["json"], Notes(quiet=shared["quiet"]))
        with open_api(choice) as api:
            status = command(api, printer, **options)
        raise typer.Exit(status or 0)

    call.__dict__["__signature__"] = inspect.Signature([_as_keyword(each) for each in own] + added)
    call.__annotations__ = {each.name: each.annotation for each in (*own, *added)}
    return call


def _as_keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
