"""The command policy's decision on a run, with the overrides of its server and its task."""

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
    """A command and where it is to run.

    Without a server only the service's own policy applies; an ad-hoc run has no task. `secrets` maps secret variables
    to the registered secret they take, if any. `stdin` is the input, None if it is not known. `parameters` are the
    values of the task's parameters, None if one is secret or not known yet.
    """

    command: str
    env: Mapping[str, str]
    working_dir: str | None = None
    server_id: int | None = None
    task_id: int | None = None
    secrets: Mapping[str, str | None] = field(default_factory=dict)
    shell: str | None = None
    stdin: bytes | None = field(default=None, repr=False)
    parameters: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of_task(cls, task: Task, parameters: Mapping[str, str | None] | None = None) -> "PolicySubject":
        """Return a run of the task with these values of its parameters; by default with those of its schedule."""
        return cls(
            command=task.command,
            env=task.env,
            working_dir=task.working_dir,
            server_id=task.server_id,
            task_id=task.id,
            secrets=task.secret_env,
            shell=task.shell,
            parameters=_list_scheduled_values(task) if parameters is None else parameters,
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
            parameters=row.parameters,
        )

    @property
    def variables(self) -> dict[str, str]:
        """The variables whose values are known."""
        return {**self.env, **{name: value for name, value in self.parameters.items() if value is not None}}

    @property
    def unknown_variables(self) -> list[str]:
        """The names of the variables whose values the policy must not see, or cannot know."""
        return [*self.secrets, *(name for name, value in self.parameters.items() if value is None)]

    @property
    def digest(self) -> str:
        """A digest of everything that decides what a run does; a task's overrides are bound to it."""
        parts: tuple[Any, ...] = (
            *(self.command, dict(self.env), dict(self.secrets), self.working_dir, self.server_id),
            *((self.shell,) if self.shell else ()),  # left out if empty: older digests stay valid
            *((dict(self.parameters),) if self.parameters else ()),
        )
        return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredPolicies:
    """The current policies that admins have set, by server and by task."""

    servers: Mapping[int, PolicyVersion]
    tasks: Mapping[int, PolicyVersion]

    def of(self, subject: PolicySubject) -> tuple[PolicyVersion | None, PolicyVersion | None]:
        """Return the policies of the subject's server and of its task."""
        return self.servers.get(subject.server_id or 0), self.tasks.get(subject.task_id or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDecision:
    """The verdict, and the versions of the server's and the task's policies that it was made with."""

    verdict: Verdict
    server_policy_id: int | None = None
    task_policy_id: int | None = None

    @property
    def worst(self) -> Finding | None:
        """The first finding that denies the command, or None."""
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
        """Return the decision as columns of `task_executions`."""
        found = [asdict(finding) | {"via": list(finding.via)} for finding in self.verdict.findings[:MOST_FINDINGS]]
        return {
            "policy_version": self.verdict.version,
            "server_policy_id": self.server_policy_id,
            "task_policy_id": self.task_policy_id,
            "findings": found or None,
        }


def load_policies(conn: Connection, subjects: Iterable[PolicySubject]) -> StoredPolicies:
    """Load the policies of the subjects' servers and tasks."""
    subjects = list(subjects)
    servers = {subject.server_id for subject in subjects if subject.server_id is not None}
    tasks = {subject.task_id for subject in subjects if subject.task_id is not None}
    return sort_policies(policies.list_current(conn, sorted(servers), sorted(tasks)) if servers or tasks else [])


def sort_policies(found: Iterable[PolicyVersion]) -> StoredPolicies:
    """Sort the current policies of servers and tasks."""
    found = list(found)
    return StoredPolicies(
        {row.server_id: row for row in found if row.server_id is not None},
        {row.task_id: row for row in found if row.task_id is not None},
    )


def decide(policy: Policy, subject: PolicySubject, stored: StoredPolicies) -> PolicyDecision:
    """Check the subject against the policy, with the stored overrides."""
    server, task = stored.of(subject)
    verdict = policy.check(
        subject.command,
        env=subject.variables,
        working_dir=subject.working_dir or HOME,
        stdin=subject.stdin,
        secrets=subject.unknown_variables,
        mode=_decide_mode(policy.mode, server, task),
        overrides=_build_overrides(server, task, subject),
    )
    return PolicyDecision(
        verdict=verdict,
        server_policy_id=None if server is None else server.id,
        task_policy_id=None if task is None else task.id,
    )


def _list_scheduled_values(task: Task) -> dict[str, str | None]:
    """Return what the task's schedule gives. A required value that it does not give is unknown until a run gives it."""
    if not task.parameters:
        return {}
    return {each["name"]: None for each in task.parameters if each["required"]} | task.parameter_values


def _decide_mode(mode: Mode, server: PolicyVersion | None, task: PolicyVersion | None) -> Mode:
    """Return the server's mode, else the service's; the task's applies if it is stricter."""
    if server is not None and server.mode is not None:
        mode = MODES[server.mode]
    if task is not None and task.mode is not None:
        mode = max(mode, MODES[task.mode], key=STRICTNESS.index)
    return mode


def _build_overrides(server: PolicyVersion | None, task: PolicyVersion | None, subject: PolicySubject) -> Overrides:
    """Return the overrides. Extra rules add up; a task's allowances apply only while its digest is unchanged."""
    holds = task is not None and task.subject == subject.digest
    return Overrides(
        allow=(*(server.allow if server else ()), *(task.allow if task and holds else ())),
        commands=tuple(server.commands) if server else (),
        extra=tuple(row.extra for row in (server, task) if row is not None and row.extra),
    )


Decider = Callable[[Connection, Sequence[Task]], Mapping[int, PolicyDecision]]
"""Decides on tasks inside a transaction; the decisions are by task id."""


def build_decider(policy: Policy) -> Decider:
    def decide_tasks(conn: Connection, tasks: Sequence[Task]) -> dict[int, PolicyDecision]:
        subjects = {task.id: PolicySubject.of_task(task) for task in tasks}
        found = load_policies(conn, subjects.values())
        return {id: decide(policy, subject, found) for id, subject in subjects.items()}

    return decide_tasks
