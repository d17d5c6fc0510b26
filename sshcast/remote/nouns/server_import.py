"""`sshcast server import`: registers the servers of an ssh configuration or an Ansible inventory."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.options import with_api
from sshcast.remote.printing import Printer
from sshcast.standard_streams import read_first_line
from sshcast.words import choose


@with_api
def import_servers(
    api: Api,
    printer: Printer,
    ssh_config: Annotated[Path | None, typer.Option(help="A configuration of ssh, such as ~/.ssh/config.")] = None,
    ansible: Annotated[
        Path | None, typer.Option(help="An inventory in INI or YAML, or what `ansible-inventory --list` prints.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Only hosts whose name matches, as in web*; may be repeated.")
    ] = None,
    known_hosts: Annotated[
        list[Path] | None, typer.Option(help="Take the host keys from this file; may be repeated.")
    ] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Have the service fetch host keys that are not known.")] = False,
    user: Annotated[str | None, typer.Option(help="The account for hosts that name none; else yours here.")] = None,
    key: Annotated[Path | None, typer.Option(help="The private key for hosts that name none.")] = None,
    passphrase_stdin: Annotated[bool, typer.Option(help="Read the keys' passphrase from standard input.")] = False,
    password_stdin: Annotated[bool, typer.Option(help="Read the password for hosts without a key from it.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Change servers that are registered otherwise.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; accept the keys that --scan fetches.")] = False,
) -> int:
    """Register the servers of an ssh configuration or an Ansible inventory. Exits with 1 if any host failed."""
    _check_sources(is_one=(ssh_config is None) != (ansible is None), has_keys=bool(known_hosts) or scan)
    importing = importlib.import_module("sshcast.remote.imports.importing")
    options = importing.ImportOptions(
        ssh_config=ssh_config,
        ansible=ansible,
        patterns=host or (),
        known_hosts=known_hosts or (),
        scan=scan,
        user=user,
        key=key,
        passphrase=read_first_line() if passphrase_stdin else None,
        password=read_first_line() if password_stdin else None,
        update=update,
        dry_run=dry_run,
        yes=yes,
    )
    status: int = importing.import_hosts(api, printer, options)
    return status


def _check_sources(*, is_one: bool, has_keys: bool) -> None:
    if not is_one:
        raise CommandFailed(
            choose(
                "give either --ssh-config FILE or --ansible FILE", "--ssh-config FILE 与 --ansible FILE 须给出其中一个"
            )
        )
    if not has_keys:
        raise CommandFailed(
            choose(
                "say where host keys come from: give --known-hosts FILE, --scan, or both",
                "请说明主机密钥的来源：给出 --known-hosts FILE、--scan 或两者",
            )
        )
