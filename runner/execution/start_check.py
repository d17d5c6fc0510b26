"""The check right before an execution starts: its server, its secrets, and the current rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import audit, due, start_checks, stdin, transitions
from db.audit import Entry
from db.models import TaskExecution
from db.output import OutputEnd
from db.start_checks import StartFacts
from db.values import AuditKind, ObjectKind, Reason, State, Trigger
from runner.admission import decision
from runner.admission.authorization import TASK_DELETED, TASK_DISABLED
from runner.admission.decision import PolicyDecision, PolicySubject
from runner.execution import run_secrets
from runner.execution.outcome import Outcome
from runner.execution.run_secrets import SecretMissing
from runner.policy import Policy
from runner.secrets.vault import Vault
from runner.ssh.jumps.messages import name_jump


class TaskStopped(Exception):
    """The run must not start, because its task was deleted or disabled. The message is for people."""

    @property
    def outcome(self) -> Outcome:
        return Outcome(state=State.CANCELLED, reason=Reason.CANCELLED, message=str(self))


@dataclass(frozen=True, slots=True)
class EndRecord:
    """What the last write to the row of a run holds: its final columns, the last of its output, and when that is.

    `refused` is the policy's decision, if that kept the command from starting.
    """

    values: dict[str, Any]
    at: datetime
    last: OutputEnd | None = None
    refused: PolicyDecision | None = None


def load(conn: Connection, row: TaskExecution) -> StartFacts:
    """Load the facts. Raises TaskStopped if the run has not begun and its task was deleted or disabled."""
    found = start_checks.load(conn, row)
    if row.remote is None and row.task_id is not None:
        _require_task(row, found.task_enabled)
    return found


def _require_task(row: TaskExecution, enabled: bool | None) -> None:
    """Raise TaskStopped if the run's task is deleted (None) or disabled. One that is disabled may be run by hand."""
    if enabled is None:
        raise TaskStopped(TASK_DELETED)
    if not enabled and row.trigger in (Trigger.SCHEDULE, Trigger.RETRY):
        raise TaskStopped(TASK_DISABLED)


def record_start(conn: Connection, row: TaskExecution, values: dict[str, Any], *, begins: bool) -> bool:
    """Record progress of the running execution. Return False if it belongs to another runner now.

    With `begins`, the command is started right afterwards. Raises TaskStopped if it must not start.
    """
    if not begins or row.task_id is None:
        return transitions.update_claimed(conn, row.id, row.fence, values)
    done = transitions.update_startable(conn, row.id, row.fence, values)
    if not done:
        _require_task(row, due.standing(conn, row.task_id))
    return done


def find_unusable_server(check: StartFacts) -> str | None:
    """Return a sentence if the server, or a jump server on the way to it, was deleted or disabled."""
    if check.server is None or not check.server.enabled:
        return "the server was deleted or disabled before the command could start"
    for jump in check.jumps:
        if not jump.enabled or jump.deleted_at is not None:
            named = name_jump(jump.id, jump.name)
            return f"the server cannot be reached now. {named} is disabled: an admin can enable it."
    return None


def decide(policy: Policy, vault: Vault, row: TaskExecution, check: StartFacts) -> PolicyDecision:
    """Decide by the current rules. Standard input that cannot be opened counts as unknown: the run does not start."""
    try:
        given = run_secrets.open_stdin(row, check.stdin, vault)
    except SecretMissing:
        given = None
    return decision.decide(policy, PolicySubject.of_run(row, given), decision.sort_policies(check.policies))


def changed_columns(row: TaskExecution, found: PolicyDecision) -> dict[str, Any]:
    """Return the columns of the decision that differ from the row."""
    return {name: value for name, value in found.build_columns().items() if getattr(row, name) != value}


def finish(conn: Connection, row: TaskExecution, end: EndRecord) -> TaskExecution | None:
    """Move the execution from RUNNING to the final state, with the last of its output; a refusal is audited with it.

    Return its row; None if it is another runner's now, or has ended.
    """
    done = transitions.finish(conn, row.id, row.fence, end.values, end.last)
    if done is not None and row.stdin_bytes:
        stdin.remove(conn, [row.id])
    if done is not None and end.refused is not None:
        audit.append(conn, _build_refusal_entry(row, end.refused, end.at))
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
