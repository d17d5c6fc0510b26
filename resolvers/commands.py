"""What is to run, checked: the command against the policy, its limits against the service's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db import servers, tasks
from db.models import Task
from resolvers import rules
from resolvers.context import Context, Limits
from resolvers.errors import CommandRefused, NotFound
from runner import ruling
from runner.policy import Verdict
from runner.ruling import Ruling, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A command that somebody wants judged, and where it would run. What it would read is unknown if `stdin` is None.

    With a task, what it is allowed counts too, and what is not given is the task's.
    """

    command: str
    env: Mapping[str, str] | None = None
    working_dir: str | None = None
    server_id: int | None = None
    task_id: int | None = None
    stdin: bytes | None = field(default=None, repr=False)


def refuse_denied(found: Ruling, subject: Subject) -> None:
    """Raise CommandRefused when the policy denies the command, or one of its variables, which is named then."""
    worst = found.worst
    if worst is None:
        return
    variable = worst.variable
    raise CommandRefused(
        found.verdict.findings,
        en=f"The command policy refuses {variable or 'this'} ({worst.rule}): {worst.message_en}",
        zh=f"命令策略拒绝{' ' + variable + ' ' if variable else '此命令'}（{worst.rule}）：{worst.message_zh}",
        field=("command",) if variable is None else ("env" if variable in subject.env else "secret_env", variable),
        command=subject.command,
    )


async def check(ctx: Context, subject: Subject) -> Ruling:
    """The ruling that lets it run, by the rules as they stand now; else CommandRefused."""
    found = await judged(ctx, subject)
    refuse_denied(found, subject)
    return found


async def judged(ctx: Context, subject: Subject) -> Ruling:
    kept = await ctx.service.store.read(ruling.kept, [subject])
    return ruling.ruled(ctx.service.policy, subject, kept)


async def check_command(ctx: Context, draft: Draft) -> Verdict:
    """What the policy says of a command, on a server if one is named. Nothing is stored and nothing runs."""
    ctx.signed_in()
    task = await task_of(ctx, draft)
    env = rules.env(draft.env) if draft.env is not None else task.env if task is not None else {}
    own_folder = None if task is None else task.working_dir
    command = rules.command(draft.command)
    subject = Subject(
        command=command,
        shell=rules.shell(command),
        env=env,
        working_dir=own_folder if draft.working_dir is None else rules.working_dir(draft.working_dir),
        server_id=await server_of(ctx, draft, task),
        task_id=draft.task_id,
        stdin=rules.stdin(draft.stdin),
        secrets={} if task is None else {name: at for name, at in task.secret_env.items() if name not in env},
    )
    return (await judged(ctx, subject)).verdict


async def task_of(ctx: Context, draft: Draft) -> Task | None:
    if draft.task_id is None:
        return None
    found = await ctx.service.store.read(tasks.by_id, rules.identifier("task_id", draft.task_id), ctx.sight)
    if found is None:
        raise NotFound.named("task", draft.task_id).at("task_id")
    return found


async def server_of(ctx: Context, draft: Draft, task: Task | None) -> int | None:
    """Of the draft, or its task's. NotFound when there is no such server."""
    if draft.server_id is None:
        return None if task is None else task.server_id
    id = rules.identifier("server_id", draft.server_id)
    if await ctx.service.store.read(servers.by_id, id, ctx.sight) is None:
        raise NotFound.named("server", id).at("server_id")
    return id


def bounded(limits: Limits, timeout_seconds: int | None, output_limit: int | None) -> dict[str, Any]:
    """The time limit (seconds) and output cap (bytes): the service's defaults where None."""
    seconds = limits.default_timeout_seconds if timeout_seconds is None else timeout_seconds
    cap = limits.default_output_limit if output_limit is None else output_limit
    return {
        "timeout_seconds": rules.between("timeout_seconds", seconds, 1, limits.max_timeout_seconds),
        "output_limit": rules.between("output_limit", cap, 1, limits.max_output_limit),
    }
