"""`sshcast server …`: each command here reads its options and calls `sshcast/commands/`."""

from pathlib import Path
from typing import Annotated

import typer

from db.values import LegacyAlgorithm
from runner.charsets import DEFAULT
from sshcast import commands
from sshcast.cli_options import As, Data, PasswordStdin, run, settings
from sshcast.standard_streams import read_first_line

app = typer.Typer(help="Register servers and update their host keys.", no_args_is_help=True)


@app.command("add")
def server_add(
    name: str,
    host: Annotated[str, typer.Option(help="The host name or IP address, without a port.")],
    user: Annotated[str, typer.Option(help="The account on it that commands run as.")],
    port: Annotated[int, typer.Option(help="The SSH port.")] = 22,
    key: Annotated[Path | None, typer.Option(help="A private key file.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="The key's OpenSSH certificate file.")] = None,
    passphrase_stdin: Annotated[
        bool, typer.Option(help="Read the key's passphrase from the first line of standard input.")
    ] = False,
    password_stdin: PasswordStdin = False,
    host_key: Annotated[
        list[str] | None,
        typer.Option(help='A host key to pin: "TYPE BASE64" or a line of known_hosts; may be repeated.'),
    ] = None,
    host_key_alias: Annotated[
        str | None, typer.Option(help="A name, besides the host, that its host certificate may be issued for.")
    ] = None,
    allow_algorithm: Annotated[
        list[LegacyAlgorithm] | None, typer.Option(help="An old SSH algorithm to allow for it; may be repeated.")
    ] = None,
    output_encoding: Annotated[
        str, typer.Option(help="The encoding that its output is decoded by: an IANA name, such as gb18030.")
    ] = DEFAULT,
    scan: Annotated[bool, typer.Option("--scan", help="Fetch the server's host keys, show them, and ask you.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --scan: pin the keys without asking.")] = False,
    jump: Annotated[str | None, typer.Option(help="The server through which it is reached, by name or id.")] = None,
    run_as: As = None,
    data: Data = None,
) -> None:
    """Register a server and print its id."""
    given = commands.server_add.ServerOptions(
        name=name,
        host=host,
        port=port,
        username=user,
        key=key,
        certificate=certificate,
        passphrase=read_first_line() if passphrase_stdin else None,
        password=read_first_line() if password_stdin else None,
        host_keys=tuple(host_key or ()),
        host_key_alias=host_key_alias,
        allowed=tuple(allow_algorithm or ()),
        output_encoding=output_encoding,
        scan=scan,
        yes=yes,
        jump=jump,
    )
    run(commands.server_add.add_server(settings(data=data), given, run_as))


@app.command("rescan")
def server_rescan(
    server: Annotated[str, typer.Argument(help="The server's name or id.")],
    accept: Annotated[
        list[str] | None, typer.Option(help="The fingerprint of an offered key to pin without asking; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pin all offered keys without asking.")] = False,
    run_as: As = None,
    data: Data = None,
) -> None:
    """Fetch a server's host keys again, show them beside the pinned ones, and pin those that you accept."""
    given = commands.rescan.RescanOptions(server, tuple(accept or ()), yes)
    run(commands.rescan.rescan(settings(data=data), given, run_as))
