"""Finds the ids of objects by the names, or the ids, that people write."""

from collections.abc import Sequence
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.absence import KINDS, build_absence
from sshcast.remote.api import Api
from sshcast.words import choose

SERVERS = """
query FindServer($name: String!) { servers(first: 2, filter: {name: $name}) { nodes { id } } }
"""
TASKS = """
query FindTask($name: String!) { tasks(first: 10, filter: {name: $name}) { nodes { id } } }
"""


def find_server_id(api: Api, server: str) -> str:
    """Return the id of the server with this name, else this id."""
    return _find_id(api.execute(SERVERS, {"name": server})["servers"]["nodes"], server, "server")


def find_task_id(api: Api, task: str) -> str:
    """Return the id of the task with this name, else this id. Raise CommandFailed if several have the name."""
    return _find_id(api.execute(TASKS, {"name": task})["tasks"]["nodes"], task, "task")


def _find_id(found: Sequence[dict[str, Any]], name: str, kind: str) -> str:
    ids = [str(each["id"]) for each in found]
    if len(ids) > 1:
        raise CommandFailed(
            choose(
                f"several {kind}s are called {name}: give the id of one of them, {', '.join(ids)}",
                f"名为 {name} 的{KINDS[kind]}有多个：请给出其中一个的编号，{', '.join(ids)}",
            )
        )
    if ids:
        return ids[0]
    if name.isascii() and name.isdigit():
        return name
    raise build_absence(kind, name, noun=kind)
