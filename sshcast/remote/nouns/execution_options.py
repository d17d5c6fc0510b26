"""The options that select executions, for `sshcast execution list` and `search`."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.enums import REASONS, STATES, TRIGGERS, read_word
from sshcast.remote.moments import parse_past
from sshcast.remote.names import find_server_id, find_task_id
from sshcast.remote.pages import read_pages
from sshcast.words import choose

ME = "query Me { me { id name role } }"
USERS = """
query FindUsers($after: String) {
  users(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
}
"""

Words = list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """Which executions; None does not select."""

    state: Annotated[Words, typer.Option(help="Only in this state; may be repeated.")] = None
    reason: Annotated[Words, typer.Option(help="Only those that ended for this reason; may be repeated.")] = None
    server: Annotated[str | None, typer.Option(help="Only on this server, by name or id.")] = None
    tag: Annotated[Words, typer.Option(help="Only on servers with this tag; repeated: with all of them.")] = None
    task: Annotated[str | None, typer.Option(help="Only of this task, by name or id.")] = None
    fleet: Annotated[str | None, typer.Option(help="Only of the fleet run with this id.")] = None
    user: Annotated[str | None, typer.Option(help="Only those that this user requested; `me` for you.")] = None
    trigger: Annotated[str | None, typer.Option(help=f"How they came about: {', '.join(TRIGGERS).lower()}.")] = None
    since: Annotated[str | None, typer.Option(help="Only those requested since then: 2h ago, or 2026-11-30.")] = None
    until: Annotated[str | None, typer.Option(help="Only those requested until then.")] = None
    command: Annotated[str | None, typer.Option(help="Only those whose command contains this text.")] = None


def build_filter(api: Api, given: ExecutionOptions) -> dict[str, Any]:
    """Return the API's filter. Names are looked up."""
    found = {
        "states": _read_words("--state", given.state, STATES),
        "reasons": _read_words("--reason", given.reason, REASONS),
        "serverId": None if given.server is None else find_server_id(api, given.server),
        "tagsAll": given.tag or None,
        "taskId": None if given.task is None else find_task_id(api, given.task),
        "fleetRunId": given.fleet,
        "createdById": None if given.user is None else find_user_id(api, given.user),
        "trigger": None if given.trigger is None else read_word("--trigger", given.trigger, TRIGGERS),
        "createdFrom": None if given.since is None else parse_past("--since", given.since),
        "createdTo": None if given.until is None else parse_past("--until", given.until),
        "commandContains": given.command,
    }
    return {name: value for name, value in found.items() if value is not None}


def find_user_id(api: Api, user: str) -> str:
    """Return the id of a user. Only admins may look up others by their names."""
    me = api.execute(ME)["me"]
    if user in ("me", me["name"]):
        return str(me["id"])
    if me["role"] == "ADMIN":
        for each in read_pages(api, USERS, "users", {}):
            if each["name"] == user:
                return str(each["id"])
    if user.isascii() and user.isdigit():
        return user
    if me["role"] == "ADMIN":
        raise build_absence("user", user, noun="user")
    raise CommandFailed(
        choose(
            f"--user {user}: only admins may look up other users by name: give the user's id, or `me`",
            f"--user {user}：只有管理员可以按名称查找其他用户：请给出用户的编号，或 `me`",
        )
    )


def _read_words(option: str, given: Words, words: tuple[str, ...]) -> list[str] | None:
    return [read_word(option, each, words) for each in given] if given else None
