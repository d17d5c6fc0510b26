"""`sshcast server set`: changes what is registered of a server."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.credentials import build_credential
from sshcast.remote.enums import RUN_MODES, read_word
from sshcast.remote.names import find_server_id
from sshcast.remote.options import with_api
from sshcast.remote.printing import Printer
from sshcast.standard_streams import read_first_line
from sshcast.words import choose

TAGS = "query ServerTags($id: ID!) { server(id: $id) { id tags } }"
UPDATE = """
mutation UpdateServer($input: UpdateServerInput!) {
  updateServer(input: $input) { errors { code field message } server { id name } }
}
"""
NO = "Give an empty text for none."


@with_api
def set_server(
    api: Api,
    printer: Printer,
    server: Annotated[str, typer.Argument(help="The server's name or id.")],
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    host: Annotated[str | None, typer.Option(help="The host name or IP address.")] = None,
    port: Annotated[int | None, typer.Option(help="The SSH port.")] = None,
    user: Annotated[str | None, typer.Option(help="The account on it that commands run as.")] = None,
    key: Annotated[Path | None, typer.Option(help="A private key file, in place of the credential.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="The key's OpenSSH certificate file.")] = None,
    passphrase_stdin: Annotated[bool, typer.Option(help="Read the key's passphrase from standard input.")] = False,
    password_stdin: Annotated[bool, typer.Option(help="Read the account's password from standard input.")] = False,
    host_key: Annotated[list[str] | None, typer.Option(help="A host key to pin; these replace all pins.")] = None,
    host_key_alias: Annotated[str | None, typer.Option(help=f"A name for its host certificate. {NO}")] = None,
    allow_algorithm: Annotated[
        list[str] | None, typer.Option(help=f"An old SSH algorithm; these replace all before. {NO}")
    ] = None,
    output_encoding: Annotated[str | None, typer.Option(help="The encoding of its output.")] = None,
    jump: Annotated[str | None, typer.Option(help=f"The jump server, by name or id. {NO}")] = None,
    tag: Annotated[list[str] | None, typer.Option(help=f"A tag; these replace all before. {NO}")] = None,
    add_tag: Annotated[list[str] | None, typer.Option(help="A tag to add; may be repeated.")] = None,
    remove_tag: Annotated[list[str] | None, typer.Option(help="A tag to remove; may be repeated.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Let runs start on it, or not.")] = None,
    max_parallel: Annotated[int | None, typer.Option(help="How many runs it takes at a time.")] = None,
    run_mode: Annotated[str | None, typer.Option(help="durable or attached.")] = None,
    blackouts: Annotated[
        str | None, typer.Option(help="A JSON array of BlackoutInput, which replaces all before; [] for none.")
    ] = None,
) -> None:
    """Change a server. What is not named stays as it is."""
    given = locals()
    found = find_server_id(api, server)
    wanted = _read_plain(given) | _read_lists(given)
    if jump is not None:
        wanted["jumpServerId"] = find_server_id(api, jump) if jump else None
    if add_tag or remove_tag:
        wanted["tags"] = _change_tags(api, found, given)
    if credential := _read_credential(given):
        wanted["credential"] = credential
    if not wanted:
        raise CommandFailed(
            choose(
                "give at least one thing to change: see `sshcast server set --help`",
                "请至少给出一项更改：见 `sshcast server set --help`",
            )
        )
    changed = api.execute(UPDATE, {"input": {"id": found} | wanted})["updateServer"]["server"]
    if printer.as_json:
        printer.show_json(changed)
    printer.tell_change(api, f"server {changed['name']} is changed", f"已更改服务器 {changed['name']}")


def _read_plain(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are sent as they are."""
    names = {"user": "username", "output_encoding": "outputEncoding", "max_parallel": "maxParallel"}
    names |= {name: name for name in ("name", "host", "port", "enabled")}
    found = {field: given[option] for option, field in names.items() if given[option] is not None}
    if given["run_mode"] is not None:
        found["runMode"] = read_word("--run-mode", given["run_mode"], RUN_MODES)
    if given["host_key_alias"] is not None:
        found["hostKeyAlias"] = given["host_key_alias"] or None
    return found


def _read_lists(given: dict[str, Any]) -> dict[str, Any]:
    """Return the lists that replace those of before; one empty text stands for an empty list."""
    found: dict[str, Any] = {}
    if given["host_key"]:
        found["hostKeys"] = given["host_key"]
    if given["allow_algorithm"]:
        found["legacyAlgorithms"] = [each.upper().replace("-", "_") for each in given["allow_algorithm"] if each]
    if given["tag"]:
        found["tags"] = [each for each in given["tag"] if each]
    if given["blackouts"] is not None:
        found["blackouts"] = _read_blackouts(given["blackouts"])
    return found


def _read_blackouts(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CommandFailed(choose(f"--blackouts is no JSON: {error}", f"--blackouts 不是 JSON：{error}")) from None
    if not isinstance(found, list):
        raise CommandFailed(
            choose(
                '--blackouts takes a JSON array, such as [{"start": "22:00", "end": "06:00"}]',
                '--blackouts 须为 JSON 数组，如 [{"start": "22:00", "end": "06:00"}]',
            )
        )
    return found


def _change_tags(api: Api, server_id: str, given: dict[str, Any]) -> list[str]:
    if given["tag"]:
        raise CommandFailed(
            choose(
                "give either --tag, which replaces all tags, or --add-tag and --remove-tag",
                "--tag（替换所有标签）不能与 --add-tag、--remove-tag 同用",
            )
        )
    server = api.execute(TAGS, {"id": server_id})["server"]
    tags = dict.fromkeys([*(server or {"tags": ()})["tags"], *(given["add_tag"] or ())])
    return [tag for tag in tags if tag not in (given["remove_tag"] or ())]


def _read_credential(given: dict[str, Any]) -> dict[str, Any] | None:
    secrets = {name: read_first_line() if given[f"{name}_stdin"] else None for name in ("passphrase", "password")}
    return build_credential(key=given["key"], certificate=given["certificate"], **secrets)
