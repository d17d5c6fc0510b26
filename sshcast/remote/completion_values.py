"""Finds the values that a shell offers for an option or argument: contexts, and names of servers and tasks.

Who presses Tab waits, so a service has one second; what fails offers nothing, and says nothing.
"""

import importlib
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sshcast.remote.api import GraphQLAnswer
from sshcast.remote.choice import Choice, find_context
from sshcast.remote.contexts import Context, find_store

SECONDS = 1.0
SERVERS = """
query CompleteServers($filter: ServerFilter) {
  found: servers(first: 100, filter: $filter, orderBy: {field: NAME}) { nodes { id name } }
}
"""
TASKS = """
query CompleteTasks($filter: TaskFilter) {
  found: tasks(first: 100, filter: $filter, orderBy: {field: NAME}) { nodes { id name } }
}
"""
DOCUMENTS = {"server": SERVERS, "servers": SERVERS, "jump": SERVERS, "task": TASKS, "tasks": TASKS}
CONTEXT_NAMES = {("context", "use"), ("context", "rm"), ("sshcast", "logout")}
HARMLESS = re.compile(r"[\w.+@][\w.+@-]*")
"""Names that mean themselves in every shell. The scripts evaluate what they are given, and names come from others."""

Finder = Callable[[Any, Any, str], list[str]]


def add_to(command: Any, path: tuple[str, ...] = ("sshcast",)) -> None:
    """Give all parameters of a command, and of those below it, the values that their names stand for."""
    for parameter in command.params:
        finder = _choose_finder(parameter.name, path)
        if finder is not None:
            vars(parameter)["_custom_shell_complete"] = finder
    for name, below in getattr(command, "commands", {}).items():
        add_to(below, (*path, name))


def _choose_finder(name: str, path: tuple[str, ...]) -> Finder | None:
    if name == "context" or (name == "name" and path[-2:] in CONTEXT_NAMES):
        return _quietly(_find_contexts)
    if name in DOCUMENTS:
        document = DOCUMENTS[name]
        return _quietly(lambda given, word: _find_names(document, given, word))
    return None


def _quietly(find: Callable[[dict[str, Any], str], Iterable[str]]) -> Finder:
    """Return what `find` finds and begins with the word; nothing if it fails, whatever the reason."""

    def complete(context: Any, parameter: Any, word: str) -> list[str]:
        try:
            return [each for each in find(context.params, word) if each.startswith(word)]
        except Exception:
            return []

    return complete


def _find_contexts(given: dict[str, Any], word: str) -> list[str]:
    return [name for name in sorted(find_store().load().every) if HARMLESS.fullmatch(name)]


def _find_names(document: str, given: dict[str, Any], word: str) -> list[str]:
    """Return names of the context's service; where a name is no plain word, the id. Without a context, nothing."""
    context = find_context(Choice(local=bool(given.get("local")), context=given.get("context")))
    if context is None or context.session is None:
        return []
    found: list[str] = []
    variables = {"filter": {"nameContains": word} if word and not word.isdigit() else {}}
    asking = threading.Thread(target=lambda: found.extend(_ask(context, document, variables)), daemon=True)
    asking.start()
    asking.join(SECONDS)
    return list(found)


def _ask(context: Context, document: str, variables: dict[str, Any]) -> Sequence[str]:
    """Ask the service once. An expired token is not renewed: the process may end before the new one is kept."""
    session = context.session
    if session is None:
        return []
    client = importlib.import_module("sshcast.remote.http_api").HttpClient(context.url, context.ca_file)
    try:
        answer = client.post("/graphql", {"query": document, "variables": variables}, session.access)
        nodes = GraphQLAnswer(answer).read(context.url)["found"]["nodes"]
        return [each["name"] if HARMLESS.fullmatch(each["name"]) else each["id"] for each in nodes]
    except Exception:  # a thread would print it
        return []
    finally:
        client.close()
