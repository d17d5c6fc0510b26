"""The options that several commands share, and how commands are run."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast import commands

Data = Annotated[Path | None, typer.Option(help="The data folder (SSHCAST_DATA).")]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="The port (SSHCAST_PORT).")]
Host = Annotated[str | None, typer.Option(help="The address to listen on (SSHCAST_HOST).")]
TlsCert = Annotated[Path | None, typer.Option(help="Serve HTTPS with this certificate, PEM (SSHCAST_TLS_CERT).")]
TlsKey = Annotated[Path | None, typer.Option(help="The certificate's key, PEM (SSHCAST_TLS_KEY).")]
BehindProxy = Annotated[
    bool | None, typer.Option("--behind-proxy", help="A proxy in front does TLS (SSHCAST_BEHIND_PROXY).")
]
PasswordStdin = Annotated[bool, typer.Option(help="Read the password from the first line of standard input.")]
As = Annotated[
    str | None,
    typer.Option("--as", help="The sshcast user to act for; else SSHCAST_AS, else the user named like your OS user."),
]
OnServer = Annotated[str | None, typer.Option("--server", help="A server's name or id.")]
OnTag = Annotated[str | None, typer.Option("--tag", help="A tag, for every server that has it now or later.")]
Raw = Annotated[bool, typer.Option("--raw", help="Write the output byte for byte to a terminal too, unsanitised.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no notes: stderr has only the command's own output.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Pass standard input to the command, at most 1 MiB.")]


def settings(**given: Any) -> "commands.start.Settings":
    return commands.start.load_settings(**given)


def run(work: Coroutine[Any, Any, int | None], loop_factory: Callable[[], Any] | None = None) -> None:
    """Run the command to its end, and exit with the status that it returns."""
    raise typer.Exit(commands.work.run(work, loop_factory))
