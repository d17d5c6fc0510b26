"""What is to run, checked: the command against the policy, its limits against the service's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db import servers, tasks
from resolvers import rules
from resolvers.context import Context, Limits
from resolvers.errors import CommandRefused, NotFound
from runner import ruling
from runner.policy import Verdict
from runner.ruling import Ruling, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A command that somebody wants judged, and where it would run. With a task, what it is allowed counts too."""

    command: str
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str | None = None
    server_id: int | None = None
    task_id: int | None = None


def refuse_denied(found: Ruling, command: str) -> None:
    """Raise CommandRefused when the policy denies the command."""
    worst = found.worst
    if worst is not None:
        raise CommandRefused(
            found.verdict.findings,
            en=f"The command policy refuses this ({worst.rule}): {worst.message_en}",
            zh=f"命令策略拒绝此命令（{worst.rule}）：{worst.message_zh}",
            command=command,
        )


async def check(ctx: Context, subject: Subject) -> Ruling:
    """The ruling that lets it run, by the rules as they stand now; else CommandRefused."""
    found = await judged(ctx, subject)
    refuse_denied(found, subject.command)
    return found


async def judged(ctx: Context, subject: Subject) -> Ruling:
    kept = await ctx.service.store.read(ruling.kept, [subject])
    return ruling.ruled(ctx.service.policy, subject, kept)


async def check_command(ctx: Context, draft: Draft) -> Verdict:
    """What the policy says of a command, on a server if one is named. Nothing is stored and nothing runs."""
    ctx.signed_in()
    server_id = await server_of(ctx, draft)
    subject = Subject(
        command=rules.command(draft.command),
        env=rules.env(draft.env),
        working_dir=rules.working_dir(draft.working_dir),
        server_id=server_id,
        task_id=draft.task_id,
    )
    return (await judged(ctx, subject)).verdict


async def server_of(ctx: Context, draft: Draft) -> int | None:
    """Of the draft, or its task's. NotFound when there is no such server or task."""
    read, server_id = ctx.service.store.read, draft.server_id
    if draft.task_id is not None:
        task = await read(tasks.by_id, rules.identifier("task_id", draft.task_id), ctx.sight)
        if task is None:
            raise NotFound.named("task", draft.task_id).at("task_id")
        server_id = task.server_id if server_id is None else server_id
    if server_id is not None:
        rules.identifier("server_id", server_id)
        if await read(servers.by_id, server_id, ctx.sight) is None:
            raise NotFound.named("server", server_id).at("server_id")
    return server_id


def bounded(limits: Limits, timeout_seconds: int | None, output_limit: int | None) -> dict[str, Any]:
    """The time limit (seconds) and output cap (bytes): the service's defaults where None."""
    seconds = limits.default_timeout_seconds if timeout_seconds is None else timeout_seconds
    cap = limits.default_output_limit if output_limit is None else output_limit
    return {
        "timeout_seconds": rules.between("timeout_seconds", seconds, 1, limits.max_timeout_seconds),
        "output_limit": rules.between("output_limit", cap, 1, limits.max_output_limit),
    }
