"""`sshcast server …`: the commands that work with and without a context, and those of `sshcast/remote/nouns/`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from db.values import LegacyAlgorithm
from runner.charsets import DEFAULT
from sshcast import commands
from sshcast.cli_options import PasswordStdin, run, settings
from sshcast.remote import server_add as remote
from sshcast.remote.api import Api
from sshcast.remote.choice import Choice
from sshcast.remote.either_way import with_api_or
from sshcast.remote.nouns import server_import, server_set, servers
from sshcast.remote.printing import Printer
from sshcast.server_options import ServerOptions
from sshcast.standard_streams import read_first_line

app = typer.Typer(help="Register, show, check and change servers, and import them.", no_args_is_help=True)
servers.add_to(app)
app.command("set")(server_set.set_server)
app.command("import")(server_import.import_servers)


def _read_options(given: dict[str, Any]) -> ServerOptions:
    """Take the options of `server add` as they came, and read what comes from standard input."""
    from_stdin = {name: given.pop(f"{name}_stdin") for name in ("passphrase", "password")}
    secrets: dict[str, Any] = {name: read_first_line() if asked else None for name, asked in from_stdin.items()}
    lists: dict[str, Any] = {
        name: tuple(given.pop(option) or ())
        for name, option in (("host_keys", "host_key"), ("allowed", "allow_algorithm"))
    }
    return ServerOptions(username=given.pop("user"), **given, **secrets, **lists)


def _add_here(choice: Choice, **given: Any) -> None:
    run(commands.server_add.add_server(settings(data=choice.data), _read_options(given), choice.run_as))


@app.command("add")
@with_api_or(_add_here, acts_for_users=True)
def server_add(
    api: Api,
    printer: Printer,
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
) -> None:
    """Register a server and print its id."""
    given = locals()
    del given["api"], given["printer"]
    remote.add_server(api, printer, _read_options(given))


def _rescan_here(choice: Choice, *, server: str, accept: list[str] | None, yes: bool) -> None:
    given = commands.rescan.RescanOptions(server, tuple(accept or ()), yes)
    run(commands.rescan.rescan(settings(data=choice.data), given, choice.run_as))


@app.command("rescan")
@with_api_or(_rescan_here, acts_for_users=True)
def server_rescan(
    api: Api,
    printer: Printer,
    server: Annotated[str, typer.Argument(help="The server's name or id.")],
    accept: Annotated[
        list[str] | None, typer.Option(help="The fingerprint of an offered key to pin without asking; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pin all offered keys without asking.")] = False,
) -> None:
    """Fetch a server's host keys again, show them beside the pinned ones, and pin those that you accept."""
    remote.rescan_server(api, printer, server, accept or (), yes=yes)
