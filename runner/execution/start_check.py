"""The check right before an execution starts: its server, its secrets, and the current rules."""

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
    """The run must not start, because its task was deleted or disabled. The message is for people."""

    @property
    def outcome(self) -> Outcome:
        return Outcome(state=State.CANCELLED, reason=Reason.CANCELLED, message=str(self))


@dataclass(frozen=True, slots=True)
class StartCheck:
    """The execution's server, whether its user may run there, and the policies that apply.

    `secrets` are those registered for runs on that server; `stdin` is the sealed standard input.
    """

    server: Server | None
    allowed: bool
    policies: StoredPolicies
    secrets: list[RegisteredSecret]
    stdin: bytes | None


def load(conn: Connection, row: TaskExecution) -> StartCheck:
    """Load the check. Raises TaskStopped if the run has not begun and its task was deleted or disabled."""
    if row.remote is None:
        _require_task(conn, row)
    return StartCheck(
        servers.by_id(conn, row.server_id),
        may_run(conn, row.created_by, row.server_id),
        decision.load_policies(conn, [PolicySubject.of_run(row)]),
        secrets.list_in_scope(conn, row.server_id),
        stdin.load_sealed(conn, row.id) if row.stdin_bytes else None,
    )


def _require_task(conn: Connection, row: TaskExecution) -> None:
    """Raise TaskStopped if the task was deleted or disabled. A disabled task may still be run by hand."""
    standing = None if row.task_id is None else due.standing(conn, row.task_id)
    if row.task_id is not None and standing is None:
        raise TaskStopped(TASK_DELETED)
    if standing is False and row.trigger in (Trigger.SCHEDULE, Trigger.RETRY):
        raise TaskStopped(TASK_DISABLED)


def record_start(conn: Connection, row: TaskExecution, values: dict[str, Any], *, begins: bool) -> bool:
    """Record progress of the running execution. Return False if it belongs to another runner now.

    With `begins`, the command is started right afterwards. Raises TaskStopped if it must not start.
    """
    if begins:
        _require_task(conn, row)
    return transitions.update_claimed(conn, row.id, row.fence, values)


def decide(policy: Policy, vault: Vault, row: TaskExecution, check: StartCheck) -> PolicyDecision:
    """Decide by the current rules. Standard input that cannot be opened counts as unknown: the run does not start."""
    try:
        given = run_secrets.open_stdin(row, check.stdin, vault)
    except SecretMissing:
        given = None
    return decision.decide(policy, PolicySubject.of_run(row, given), check.policies)


def changed_columns(row: TaskExecution, found: PolicyDecision) -> dict[str, Any]:
    """Return the columns of the decision that differ from the row."""
    return {name: value for name, value in found.build_columns().items() if getattr(row, name) != value}


def finish(
    conn: Connection, row: TaskExecution, values: dict[str, Any], refused: PolicyDecision | None, at: datetime
) -> bool:
    """Move the execution from RUNNING to the final state; a refusal is audited in the same transaction."""
    done = transitions.finish(conn, row.id, row.fence, values)
    if done and row.stdin_bytes:
        stdin.remove(conn, [row.id])
    if done and refused is not None:
        audit.append(conn, _build_refusal_entry(row, refused, at))
    return done


def _build_refusal_entry(row: TaskExecution, refused: PolicyDecision, at: datetime) -> Entry:
    """Build the audit entry. It has no actor: the rules, or the command's context, changed after the request."""
    after = {
        "action": "launch",
        "command": row.command,
        "rules": sorted({finding.rule for finding in refused.verdict.findings}),
        "policy_version": refused.verdict.version,
        "asked_by": row.created_by,
    }
    return Entry(kind=AuditKind.COMMAND_REFUSED, at=at, object_kind=ObjectKind.EXECUTION, object_id=row.id, after=after)
