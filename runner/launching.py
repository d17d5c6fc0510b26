"""The last look at an execution before it starts: at its server, its secrets, and the rules as they are by now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import audit, secrets, servers, transitions
from db.audit import Entry
from db.models import Server, TaskExecution
from db.secret_models import RegisteredSecret
from db.values import AuditKind, ObjectKind
from runner import ruling
from runner.permission import may_run
from runner.policy import Policy
from runner.ruling import Kept, Ruling, Subject


@dataclass(frozen=True, slots=True)
class Look:
    """Where it is to start, whether the user in whose name it is may run something there, and the policies there.

    `secrets` are those that are registered for the runs of that server.
    """

    server: Server | None
    allowed: bool
    kept: Kept
    secrets: list[RegisteredSecret]


def look(conn: Connection, row: TaskExecution) -> Look:
    return Look(
        servers.by_id(conn, row.server_id),
        may_run(conn, row.created_by, row.server_id),
        ruling.kept(conn, [Subject.of_run(row)]),
        secrets.in_scope(conn, row.server_id),
    )


def judged(policy: Policy, row: TaskExecution, seen: Look) -> Ruling:
    return ruling.ruled(policy, Subject.of_run(row), seen.kept)


def news(row: TaskExecution, found: Ruling) -> dict[str, Any]:
    """What of the ruling the execution's row does not say yet."""
    return {name: value for name, value in found.record().items() if getattr(row, name) != value}


def finish(conn: Connection, row: TaskExecution, values: dict[str, Any], refused: Ruling | None, at: datetime) -> bool:
    """RUNNING to the final state in `values`; a refusal is in the audit, in the same transaction."""
    done = transitions.finish(conn, row.id, row.fence, values)
    if done and refused is not None:
        audit.append(conn, entry(row, refused, at))
    return done


def entry(row: TaskExecution, refused: Ruling, at: datetime) -> Entry:
    """Nobody did it: the rules, or the command's surroundings, are not what they were when it was asked for."""
    after = {
        "action": "launch",
        "command": row.command,
        "rules": sorted({finding.rule for finding in refused.verdict.findings}),
        "policy_version": refused.verdict.version,
        "asked_by": row.created_by,
    }
    return Entry(kind=AuditKind.COMMAND_REFUSED, at=at, object_kind=ObjectKind.EXECUTION, object_id=row.id, after=after)
