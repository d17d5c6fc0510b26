"""Check commands against the command policy, and their limits against the service's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from db import policies, servers, start_reads, tasks
from db.models import Task
from db.values import OnOutputLimit
from resolvers import validation
from resolvers.context import Context, Limits
from resolvers.errors import CommandRefused, NotFound
from runner.admission import decision
from runner.admission.decision import PolicyDecision, PolicySubject, StoredPolicies
from runner.policy import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDraft:
    """A command to check, and where it would run. `stdin` None: the input is unknown.

    With `task_id`, the task's policy applies too, and fields that are None are taken from the task.
    """

    command: str
    env: Mapping[str, str] | None = None
    working_dir: str | None = None
    server_id: int | None = None
    task_id: int | None = None
    stdin: bytes | None = field(default=None, repr=False)


def refuse_denied(found: PolicyDecision, subject: PolicySubject) -> None:
    """Raise CommandRefused if the policy denies the command or one of its variables; the error names the variable."""
    worst = found.worst
    if worst is None:
        return
    variable = worst.variable
    raise CommandRefused(
        found.verdict.findings,
        en=f"The command policy refuses {variable or 'this'} ({worst.rule}): {worst.message_en}",
        zh=f"命令策略拒绝{' ' + variable + ' ' if variable else '此命令'}（{worst.rule}）：{worst.message_zh}",
        field=("command",) if variable is None else (_find_source(variable, subject), variable),
        command=subject.command,
    )


def _find_source(variable: str, subject: PolicySubject) -> str:
    """Return the field that gives the variable."""
    if variable in subject.parameters:
        return "parameters"
    return "env" if variable in subject.env else "secret_env"


async def check(ctx: Context, subject: PolicySubject, stored: StoredPolicies | None = None) -> PolicyDecision:
    """Return the policy's decision if it allows the command under the current rules; otherwise raise CommandRefused.

    `stored`: the policies that admins have set, if the caller has just loaded them.
    """
    found = await _decide(ctx, subject) if stored is None else decision.decide(ctx.service.policy, subject, stored)
    refuse_denied(found, subject)
    return found


def load_policies(conn: Connection, ids: Sequence[int]) -> StoredPolicies:
    """Return these versions of policies; without ids, none, at no cost."""
    found = policies.by_ids(conn, ids) if ids else []
    return StoredPolicies(
        {row.server_id: row for row in found if row.server_id is not None},
        {row.task_id: row for row in found if row.task_id is not None},
    )


def load_policies_of_server(conn: Connection, server_id: int) -> StoredPolicies:
    """Return what applies to a command without a task. It reads policies only."""
    return load_policies(conn, start_reads.find_policies_of_server(conn, server_id))


async def _decide(ctx: Context, subject: PolicySubject) -> PolicyDecision:
    stored = await ctx.service.store.read(decision.load_policies, [subject])
    return decision.decide(ctx.service.policy, subject, stored)


async def check_command(ctx: Context, draft: CommandDraft) -> Verdict:
    """Return the policy's verdict on a command, without storing or running anything."""
    ctx.require_viewer()
    task = await _load_task(ctx, draft)
    env = validation.check_env(draft.env) if draft.env is not None else task.env if task is not None else {}
    own_folder = None if task is None else task.working_dir
    command = validation.check_command_text(draft.command)
    known = PolicySubject(command=command, env={}) if task is None else PolicySubject.of_task(task)
    subject = PolicySubject(
        command=command,
        shell=validation.find_shell(command),
        env=env,
        working_dir=own_folder if draft.working_dir is None else validation.check_working_dir(draft.working_dir),
        server_id=await _resolve_server_id(ctx, draft, task),
        task_id=draft.task_id,
        stdin=validation.stdin(draft.stdin),
        secrets={name: at for name, at in known.secrets.items() if name not in env},
        parameters={name: value for name, value in known.parameters.items() if name not in env},
    )
    return (await _decide(ctx, subject)).verdict


async def _load_task(ctx: Context, draft: CommandDraft) -> Task | None:
    if draft.task_id is None:
        return None
    found = await ctx.service.store.read(tasks.by_id, validation.check_id("task_id", draft.task_id), ctx.visibility)
    if found is None:
        raise NotFound.for_object("task", draft.task_id).with_field("task_id")
    return found


async def _resolve_server_id(ctx: Context, draft: CommandDraft, task: Task | None) -> int | None:
    """Return the id of the draft's server, or of its task's server. NotFound if the viewer sees no such server."""
    if draft.server_id is None:
        return None if task is None else task.server_id
    id = validation.check_id("server_id", draft.server_id)
    if await ctx.service.store.read(servers.by_id, id, ctx.visibility) is None:
        raise NotFound.for_object("server", id).with_field("server_id")
    return id


def apply_limits(
    limits: Limits, timeout_seconds: int | None, output_limit: int | None, on_output_limit: str | None
) -> dict[str, Any]:
    """Check the time limit (seconds), the output limit (bytes), and what happens at it.

    None stands for the service's default.
    """
    seconds = limits.default_timeout_seconds if timeout_seconds is None else timeout_seconds
    cap = limits.default_output_limit if output_limit is None else output_limit
    then = limits.on_output_limit if on_output_limit is None else on_output_limit
    return {
        "timeout_seconds": validation.check_between("timeout_seconds", seconds, 1, limits.max_timeout_seconds),
        "output_limit": validation.check_between("output_limit", cap, 1, limits.max_output_limit),
        "on_output_limit": validation.check_one_of("on_output_limit", then, OnOutputLimit),
    }
