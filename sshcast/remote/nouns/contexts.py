"""`sshcast login`, `logout` and `context …`: the services that the command line speaks to."""

import getpass
import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.contexts import Context, find_store
from sshcast.remote.options import Json
from sshcast.remote.printing import Column, Printer, Row
from sshcast.standard_streams import read_first_line
from sshcast.words import choose

app = typer.Typer(
    help="The services that you have signed in to, and which of them commands speak to.", no_args_is_help=True
)

COLUMNS = (
    Column("", "", lambda row: "*" if row["current"] else ""),
    Column("name", "名称", lambda row: row["name"], lambda row: "bold" if row["current"] else ""),
    Column("service", "服务", lambda row: row["url"]),
    Column("user", "用户", lambda row: row["user"]),
    Column("signed in", "已登录", lambda row: row["signedIn"]),
)


def login(
    url: Annotated[str, typer.Argument(help="The service's address: https://HOST, with its path if it has one.")],
    name: Annotated[str | None, typer.Option(help="The context's name; else the service's host.")] = None,
    username: Annotated[
        str | None, typer.Option("--user", help="Who signs in with a password; else you are asked.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option(help="Read the password from the first line of standard input.")
    ] = False,
    token_stdin: Annotated[
        bool, typer.Option(help="Read a personal token from the first line of standard input.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Sign in with the identity provider, in your browser.")
    ] = False,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates (PEM) to verify the service by.")] = None,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Allow http:// to another machine.")] = False,
) -> None:
    """Sign in to a service. From then on commands speak to it, instead of this machine's database."""
    ways = {"--password-stdin": password_stdin, "--token-stdin": token_stdin, "--browser": browser}
    _check_way(username, ways)
    sign_in = importlib.import_module("sshcast.remote.sign_in")
    address = sign_in.check_url(url, allow_http=allow_http)
    authority = None if ca_file is None else str(ca_file.absolute())
    client = importlib.import_module("sshcast.remote.http_api").HttpClient(address, authority)
    try:
        if token_stdin:
            found = sign_in.sign_in_with_token(client, read_first_line().strip())
        elif browser:
            found = sign_in.sign_in_with_browser(client, Printer().notes.say)
        else:
            found = sign_in.sign_in_with_password(client, *_ask_who(username, from_stdin=password_stdin))
    finally:
        client.close()
    context = Context(name or urlsplit(address).hostname or address, address, found.user, authority, found.session)
    store = find_store()
    with store.lock():
        store.save(store.load().with_context(context, current=True))
    Printer().tell(
        f"signed in to {address} as {found.user} ({found.role}); context {context.name}",
        f"已以 {found.user}（{found.role}）登录 {address}；上下文 {context.name}",
        "green",
    )


def logout(
    name: Annotated[str | None, typer.Option("--context", help="The context; else the current one.")] = None,
) -> None:
    """End the session at the service, and forget its tokens. The context stays, to sign in to again."""
    store = find_store()
    context = _require_context(name)
    if context.session is not None:
        sign_in = importlib.import_module("sshcast.remote.sign_in")
        client = importlib.import_module("sshcast.remote.http_api").HttpClient(context.url, context.ca_file)
        with store.lock():
            store.save_session(context.name, None)
        try:
            sign_in.sign_out(client, context.session)
        finally:
            client.close()
    Printer().tell(f"signed out of {context.url}", f"已退出 {context.url}", "green")


@app.command("list")
def list_contexts(json: Json = False) -> None:
    """List the contexts; `*` marks the current one."""
    contexts = find_store().load()
    rows = [_format_row(each, contexts.current) for _, each in sorted(contexts.every.items())]
    Printer(json).show_rows(rows, COLUMNS)


@app.command("use")
def use_context(name: str) -> None:
    """Make a context the current one."""
    store = find_store()
    with store.lock():
        context = store.require(name)
        store.save(replace(store.load(), current=name))
    Printer().tell(f"commands speak to {context.url} now", f"命令现在使用 {context.url}", "green")


@app.command("rm")
def remove_context(name: str) -> None:
    """Forget a context and its tokens. To end the session at the service too, run `sshcast logout` first."""
    store = find_store()
    with store.lock():
        store.require(name)
        store.save(store.load().without(name))


def _check_way(username: str | None, ways: dict[str, bool]) -> None:
    if sum(ways.values()) > 1:
        raise CommandFailed(choose(f"give one of {', '.join(ways)}", f"以下只能给出一个：{', '.join(ways)}"))
    if username is not None and (ways["--token-stdin"] or ways["--browser"]):
        raise CommandFailed(
            choose(
                "--user goes with a password: a token and an identity provider say who you are",
                "--user 用于密码登录：令牌和身份提供方会说明您是谁",
            )
        )


def _require_context(name: str | None) -> Context:
    store = find_store()
    name = name or store.load().current
    if name is None:
        raise CommandFailed(
            choose(
                "no context is chosen: name one with --context NAME (see `sshcast context list`)",
                "没有选定上下文：用 --context NAME 指定（见 `sshcast context list`）",
            )
        )
    return store.require(name)


def _format_row(context: Context, current: str | None) -> Row:
    row: dict[str, Any] = {"name": context.name, "url": context.url, "user": context.user}
    return row | {"signedIn": context.session is not None, "current": context.name == current}


def _ask_who(username: str | None, *, from_stdin: bool) -> tuple[str, str]:
    """Return a name and a password, asked for on the terminal unless they are given."""
    if from_stdin:
        if username is None:
            raise CommandFailed(choose("--password-stdin needs --user NAME", "--password-stdin 需要 --user NAME"))
        return username, read_first_line()
    if not sys.stdin.isatty():
        raise CommandFailed(
            choose(
                "there is no terminal to ask on: give --user NAME --password-stdin, or --token-stdin",
                "没有可供询问的终端：请给出 --user NAME --password-stdin，或 --token-stdin",
            )
        )
    try:
        if username is None:
            print("User: ", end="", file=sys.stderr, flush=True)
            username = sys.stdin.readline().strip()
        return username, getpass.getpass("Password: ")
    except EOFError as error:
        raise CommandFailed(
            choose("no password was given, so you are not signed in", "没有输入密码，因此未登录")
        ) from error
