"""The last look at an execution before it starts: at its server, its secrets, and the rules as they are by now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import audit, due, secrets, servers, stdin, transitions
from db.audit import Entry
from db.models import Server, TaskExecution
from db.secret_models import RegisteredSecret
from db.values import AuditKind, ObjectKind, Reason, State, Trigger
from runner.admission import decision
from runner.admission.authorization import TASK_DELETED, TASK_DISABLED, may_run
from runner.admission.decision import PolicyDecision, PolicySubject, StoredPolicies
from runner.execution import run_secrets
from runner.execution.outcome import Outcome
from runner.execution.run_secrets import SecretMissing
from runner.policy import Policy
from runner.secrets.vault import Vault


class TaskStopped(Exception):
    """The run is not to start any more, because of what became of its task. The message is for people."""

    @property
    def outcome(self) -> Outcome:
        return Outcome(state=State.CANCELLED, reason=Reason.CANCELLED, message=str(self))


@dataclass(frozen=True, slots=True)
class StartCheck:
    """Where it is to start, whether the user in whose name it is may run something there, and the policies there.

    `secrets` are those that are registered for the runs of that server, `stdin` is what it reads, sealed.
    """

    server: Server | None
    allowed: bool
    policies: StoredPolicies
    secrets: list[RegisteredSecret]
    stdin: bytes | None


def load(conn: Connection, row: TaskExecution) -> StartCheck:
    """Raises TaskStopped if it has not begun, and is not to."""
    if row.remote is None:
        _require_task(conn, row)
    return StartCheck(
        servers.by_id(conn, row.server_id),
        may_run(conn, row.created_by, row.server_id),
        decision.load_policies(conn, [PolicySubject.of_run(row)]),
        secrets.list_in_scope(conn, row.server_id),
        stdin.sealed(conn, row.id) if row.stdin_bytes else None,
    )


def _require_task(conn: Connection, row: TaskExecution) -> None:
    """Raises TaskStopped. A task that is disabled may still be run by hand."""
    standing = None if row.task_id is None else due.standing(conn, row.task_id)
    if row.task_id is not None and standing is None:
        raise TaskStopped(TASK_DELETED)
    if standing is False and row.trigger in (Trigger.SCHEDULE, Trigger.RETRY):
        raise TaskStopped(TASK_DISABLED)


def record_start(conn: Connection, row: TaskExecution, values: dict[str, Any], *, begins: bool) -> bool:
    """Note something about the running execution; False when it is another runner's by now.

    `begins`: right after this the command is started. Raises TaskStopped if it is not to be.
    """
    if begins:
        _require_task(conn, row)
    return transitions.update_claimed(conn, row.id, row.fence, values)


def decide(policy: Policy, vault: Vault, row: TaskExecution, check: StartCheck) -> PolicyDecision:
    """What it reads is what it was asked for with; where that does not open, the run does not start either way."""
    try:
        given = run_secrets.opened_stdin(row, check.stdin, vault)
    except SecretMissing:
        given = None
    return decision.decide(policy, PolicySubject.of_run(row, given), check.policies)


def changed_columns(row: TaskExecution, found: PolicyDecision) -> dict[str, Any]:
    """What of the ruling the execution's row does not say yet."""
    return {name: value for name, value in found.build_columns().items() if getattr(row, name) != value}


def finish(
    conn: Connection, row: TaskExecution, values: dict[str, Any], refused: PolicyDecision | None, at: datetime
) -> bool:
    """RUNNING to the final state in `values`; a refusal is in the audit, in the same transaction."""
    done = transitions.finish(conn, row.id, row.fence, values)
    if done and row.stdin_bytes:
        stdin.remove(conn, [row.id])
    if done and refused is not None:
        audit.append(conn, _build_refusal_entry(row, refused, at))
    return done


def _build_refusal_entry(row: TaskExecution, refused: PolicyDecision, at: datetime) -> Entry:
    """Nobody did it: the rules, or the command's surroundings, are not what they were when it was asked for."""
    after = {
        "action": "launch",
        "command": row.command,
        "rules": sorted({finding.rule for finding in refused.verdict.findings}),
        "policy_version": refused.verdict.version,
        "asked_by": row.created_by,
    }
    return Entry(kind=AuditKind.COMMAND_REFUSED, at=at, object_kind=ObjectKind.EXECUTION, object_id=row.id, after=after)
