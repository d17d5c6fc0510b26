"""What the audit calls an action is stored: a resolver may be renamed, its action may not."""

import ast
from collections.abc import Iterator
from pathlib import Path

RESOLVERS = Path(__file__).parent.parent.parent / "resolvers"
RELEASED = {
    "audit.follow",
    "audit.get",
    "audit.page",
    "executions.cancel",
    "executions.run_command",
    "executions.run_task",
    "fleets.cancel",
    "fleets.retry",
    "fleets.start",
    "grants.give",
    "grants.revoke",
    "host_keys.scan",
    "pauses.pause",
    "pauses.resume",
    "personal_tokens.create",
    "policies.get",
    "policies.page",
    "policies.set_of_server",
    "policies.set_of_task",
    "secrets.change",
    "secrets.create",
    "secrets.delete",
    "servers.check",
    "servers.create",
    "servers.delete",
    "servers.update",
    "tasks.create",
    "tasks.delete",
    "tasks.update",
    "users.create",
    "users.get",
    "users.page",
    "users.update",
}


def stored_actions() -> Iterator[str]:
    for path in RESOLVERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].startswith("record_refusals"):
                words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                yield from map(str, words)


def test_every_released_action_has_its_name_and_new_ones_are_listed_here() -> None:
    assert set(stored_actions()) == RELEASED
