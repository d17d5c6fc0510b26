"""What is to run, checked: the command against the policy, its limits against the service's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db import servers
from resolvers import rules
from resolvers.context import Context, Limits
from resolvers.errors import CommandRefused, NotFound
from runner.policy import HOME, Verdict


@dataclass(frozen=True, slots=True)
class Ruling:
    """The policy that looked at a command, for the record."""

    version: str


def refuse_denied(verdict: Verdict, command: str) -> None:
    """Raise CommandRefused when the policy denies the command."""
    if verdict.allowed:
        return
    worst = next(finding for finding in verdict.findings if finding.severity == "deny")
    raise CommandRefused(
        verdict.findings,
        en=f"The command policy refuses this ({worst.rule}): {worst.message_en}",
        zh=f"命令策略拒绝此命令（{worst.rule}）：{worst.message_zh}",
        command=command,
    )


def check(ctx: Context, command: str, env: Mapping[str, str], working_dir: str | None) -> Ruling:
    verdict = ctx.service.policy.check(command, env=env, working_dir=working_dir or HOME)
    refuse_denied(verdict, command)
    return Ruling(verdict.version)


async def check_command(ctx: Context, command: str, server_id: int | None = None) -> Verdict:
    """What the policy says of a command, on a server if one is named. Nothing is stored and nothing runs."""
    ctx.signed_in()
    rules.command(command)
    if server_id is not None:
        found = await ctx.service.store.read(servers.by_id, rules.identifier("server_id", server_id), ctx.sight)
        if found is None:
            missing = NotFound.named("server", server_id)
            raise NotFound(missing.en, missing.chinese, field=("server_id",))
    return ctx.service.policy.check(command)


def bounded(limits: Limits, timeout_seconds: int | None, output_limit: int | None) -> dict[str, Any]:
    """The time limit (seconds) and output cap (bytes): the service's defaults where None."""
    seconds = limits.default_timeout_seconds if timeout_seconds is None else timeout_seconds
    cap = limits.default_output_limit if output_limit is None else output_limit
    return {
        "timeout_seconds": rules.between("timeout_seconds", seconds, 1, limits.max_timeout_seconds),
        "output_limit": rules.between("output_limit", cap, 1, limits.max_output_limit),
    }
