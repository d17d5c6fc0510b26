"""The command policy's word on what is to run on a server, with what admins have changed of it there."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection

from db import policies
from db.models import Task, TaskExecution
from db.policy_models import PolicyVersion
from runner.policy import HOME, Finding, Mode, Overrides, Policy, Verdict

STRICTNESS: tuple[Mode, ...] = ("audit", "standard", "strict")
MOST_FINDINGS = 50
MODES: Mapping[str, Mode] = {mode: mode for mode in STRICTNESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySubject:
    """What is to run and where. Without a server only the service's own policy counts; an ad-hoc run has no task.

    `secrets` names its secret variables, each with the registered secret that it takes, if any. `stdin` is what it
    reads, None where that is not known.
    """

    command: str
    env: Mapping[str, str]
    working_dir: str | None = None
    server_id: int | None = None
    task_id: int | None = None
    secrets: Mapping[str, str | None] = field(default_factory=dict)
    shell: str | None = None
    stdin: bytes | None = field(default=None, repr=False)

    @classmethod
    def of_task(cls, task: Task) -> "PolicySubject":
        return cls(
            command=task.command,
            env=task.env,
            working_dir=task.working_dir,
            server_id=task.server_id,
            task_id=task.id,
            secrets=task.secret_env,
            shell=task.shell,
        )

    @classmethod
    def of_run(cls, row: TaskExecution, stdin: bytes | None = None) -> "PolicySubject":
        return cls(
            command=row.command,
            env=row.env,
            working_dir=row.working_dir,
            server_id=row.server_id,
            task_id=row.task_id,
            secrets=row.secret_env,
            shell=row.shell,
            stdin=stdin,
        )

    @property
    def digest(self) -> str:
        """Of all that decides what a run does: what an admin allows a task is bound to it."""
        parts: tuple[Any, ...] = (
            *(self.command, dict(self.env), dict(self.secrets), self.working_dir, self.server_id),
            *((self.shell,) if self.shell else ()),  # what was allowed before there was a choice stays allowed
        )
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredPolicies:
    """The policies that admins have set, as they stand, by server and by task."""

    servers: Mapping[int, PolicyVersion]
    tasks: Mapping[int, PolicyVersion]

    def of(self, subject: PolicySubject) -> tuple[PolicyVersion | None, PolicyVersion | None]:
        """The server's and the task's."""
        return self.servers.get(subject.server_id or 0), self.tasks.get(subject.task_id or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDecision:
    """What was found, and the versions of the server's and the task's policies that counted."""

    verdict: Verdict
    server_policy_id: int | None = None
    task_policy_id: int | None = None

    @property
    def worst(self) -> Finding | None:
        """What it is refused for, if it is."""
        if self.verdict.is_allowed:
            return None
        return next(finding for finding in self.verdict.findings if finding.severity == "deny")

    @property
    def refusal(self) -> str | None:
        worst = self.worst
        if worst is None:
            return None
        return f"{worst.rule}: {worst.variable + ': ' if worst.variable else ''}{worst.message_en}"

    def build_columns(self) -> dict[str, Any]:
        """As columns of `task_executions`."""
        found = [asdict(finding) | {"via": list(finding.via)} for finding in self.verdict.findings[:MOST_FINDINGS]]
        return {
            "policy_version": self.verdict.version,
            "server_policy_id": self.server_policy_id,
            "task_policy_id": self.task_policy_id,
            "findings": found or None,
        }


def load_policies(conn: Connection, subjects: Iterable[PolicySubject]) -> StoredPolicies:
    """What admins have set for what these run on, and for their tasks."""
    subjects = list(subjects)
    servers = {subject.server_id for subject in subjects if subject.server_id is not None}
    tasks = {subject.task_id for subject in subjects if subject.task_id is not None}
    found = policies.list_current(conn, sorted(servers), sorted(tasks)) if servers or tasks else []
    return StoredPolicies(
        {row.server_id: row for row in found if row.server_id is not None},
        {row.task_id: row for row in found if row.task_id is not None},
    )


def decide(policy: Policy, subject: PolicySubject, stored: StoredPolicies) -> PolicyDecision:
    """The policy's word, by the rules that are kept."""
    server, task = stored.of(subject)
    verdict = policy.check(
        subject.command,
        env=subject.env,
        working_dir=subject.working_dir or HOME,
        stdin=subject.stdin,
        secrets=subject.secrets,
        mode=_decide_mode(policy.mode, server, task),
        overrides=_build_overrides(server, task, subject),
    )
    return PolicyDecision(
        verdict=verdict,
        server_policy_id=None if server is None else server.id,
        task_policy_id=None if task is None else task.id,
    )


def _decide_mode(mode: Mode, server: PolicyVersion | None, task: PolicyVersion | None) -> Mode:
    """The server's mode takes the place of the service's; the task's counts where it is stricter than that."""
    if server is not None and server.mode is not None:
        mode = MODES[server.mode]
    if task is not None and task.mode is not None:
        mode = max(mode, MODES[task.mode], key=STRICTNESS.index)
    return mode


def _build_overrides(server: PolicyVersion | None, task: PolicyVersion | None, subject: PolicySubject) -> Overrides:
    """Extra rules add up. What the task is allowed counts while the task is what it was when an admin allowed it."""
    holds = task is not None and task.subject == subject.digest
    return Overrides(
        allow=(*(server.allow if server else ()), *(task.allow if task and holds else ())),
        commands=tuple(server.commands) if server else (),
        extra=tuple(row.extra for row in (server, task) if row is not None and row.extra),
    )


Decider = Callable[[Connection, Sequence[Task]], Mapping[int, PolicyDecision]]
"""Judges tasks in the transaction at hand; its rulings are by the tasks' ids."""


def build_decider(policy: Policy) -> Decider:
    def decide_tasks(conn: Connection, tasks: Sequence[Task]) -> dict[int, PolicyDecision]:
        subjects = {task.id: PolicySubject.of_task(task) for task in tasks}
        found = load_policies(conn, subjects.values())
        return {id: decide(policy, subject, found) for id, subject in subjects.items()}

    return decide_tasks
