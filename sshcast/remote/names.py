"""Finds the ids of objects by the names, or the ids, that people write."""

from collections.abc import Iterator
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.pages import read_pages

SERVERS = """
query FindServers($name: String!, $after: String) {
  servers(first: 100, after: $after, filter: {nameContains: $name}) {
    nodes { id name } pageInfo { hasNextPage endCursor }
  }
}
"""
TASKS = """
query FindTasks($name: String!, $after: String) {
  tasks(first: 100, after: $after, filter: {nameContains: $name}) {
    nodes { id name } pageInfo { hasNextPage endCursor }
  }
}
"""


def find_server_id(api: Api, server: str) -> str:
    """Return the id of the server with this name, else this id."""
    return _find_id(read_pages(api, SERVERS, "servers", {"name": server}), server, "server")


def find_task_id(api: Api, task: str) -> str:
    """Return the id of the task with this name, else this id. Raise CommandFailed if several have the name."""
    return _find_id(read_pages(api, TASKS, "tasks", {"name": task}), task, "task")


def _find_id(found: Iterator[dict[str, Any]], name: str, kind: str) -> str:
    ids = [str(each["id"]) for each in found if each["name"] == name]
    if len(ids) > 1:
        raise CommandFailed(f"{len(ids)} {kind}s are called {name}: give the id of one of them, {', '.join(ids[:10])}")
    if ids:
        return ids[0]
    if name.isascii() and name.isdigit():
        return name
    raise CommandFailed(f"there is no {kind} {name}, or you may not see it: see `sshcast {kind} list`")
