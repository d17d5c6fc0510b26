"""Have a runner check a server step by step, from the TCP connection to what a run finds there.

A server that fails is no error: what failed is in the answer, with what to do next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.models import Server
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, jumps, rights, servers
from resolvers.audit import AuditedChange
from resolvers.context import Context
from resolvers.host_keys import build_no_runner_error
from runner.bus import Unanswered
from runner.checks.requests import CheckReport, CheckStep, StepResult, StepStatus, request_check
from runner.ssh.sign_in.progress import SeenHostKey

ATTACHED = "such runs stay attached to their connection and end with it"
ATTACHED_ZH = "此类执行只能附着在其连接上，连接断开时随之结束"
LIMITS: Mapping[CheckStep, tuple[str, str]] = {
    CheckStep.SETSID: (
        "setsid is missing, so a run shares a session with sshd's processes, and some of its processes may be missed "
        "when it is ended: install util-linux.",
        "缺少 setsid：执行与 sshd 的进程共用会话，结束执行时可能遗漏部分进程。请安装 util-linux。",
    ),
    CheckStep.PROC: (
        "{found} cannot be read, so processes that a run leaves behind may not be found: mount /proc, and let the "
        "account read its own entries.",
        "无法读取 {found}：执行遗留的进程可能无法找到。请挂载 /proc，并允许该账号读取自己的条目。",
    ),
    CheckStep.PROGRAMS: (
        f"Programs that durable runs need are missing ({{found}}), so {ATTACHED}: install them.",
        f"缺少 DURABLE 执行所需的程序（{{found}}），{ATTACHED_ZH}。请安装这些程序。",
    ),
    CheckStep.FOLDER: (
        f"No folder can be written for the output of durable runs, so {ATTACHED}: make the account's home writable for "
        "it, or /var/tmp, and look whether the disk is full.",
        f"没有可写的目录存放 DURABLE 执行的输出，{ATTACHED_ZH}。请让该账号的主目录或 /var/tmp 可写，并检查磁盘空间。",
    ),
    CheckStep.CLOCK: (
        "The server does not tell its time in seconds since 1970 (date +%s), so its clock was not compared: check it "
        "there.",
        "服务器的 date 不支持 +%s，无法比较其时钟：请在服务器上检查。",
    ),
}
REASONS: Mapping[str, tuple[str, str]] = {
    "stderr": (
        f"The account's login files lead stderr elsewhere, so {ATTACHED}: have them leave stderr as it is.",
        f"该账号的登录文件重定向了 stderr，{ATTACHED_ZH}。请勿在其中重定向 stderr。",
    ),
    "mkfifo": (
        f"mkfifo is missing and /proc gives no pipes, so {ATTACHED}: install coreutils.",
        f"缺少 mkfifo，且无法使用 /proc 中的管道，{ATTACHED_ZH}。请安装 coreutils。",
    ),
}
FAILURES: Mapping[CheckStep, str] = {
    CheckStep.REACH: "连接服务器失败",
    CheckStep.HOST_KEY: "验证主机密钥失败",
    CheckStep.SIGN_IN: "登录失败",
    CheckStep.LOGIN_SHELL: "启动登录 shell 失败",
}
FAILED_LATER = "检查中断"


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step as its caller sees it. `message` says what to do next, in their language; None if there is nothing."""

    step: CheckStep
    status: StepStatus
    duration_ms: float | None
    found: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What a check found. `is_ready`: no step failed, so that runs can start there."""

    server: Server
    is_ready: bool
    steps: list[CheckedStep]
    host_key: SeenHostKey | None
    clock_difference_seconds: float | None
    round_trip_ms: float | None


@audit.record_refusals_of("servers.check", ObjectKind.SERVER)
async def check(ctx: Context, id: int) -> ServerCheck:
    """Check the server, and record what was found in the audit log, and nowhere else."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    server = await ctx.service.store.read(servers.require_server, id, right)
    servers.refuse_disabled(server)
    ctx.service.rates.check_scan(right.viewer.user_id)
    report = await _request(ctx, id)
    await _record(ctx, id, _summarize(report))
    return ServerCheck(
        server=server,
        is_ready=_is_ready(report),
        steps=[await _show_step(ctx, step) for step in report.steps],
        host_key=report.host_key,
        clock_difference_seconds=report.clock_difference,
        round_trip_ms=report.round_trip_ms,
    )


async def _request(ctx: Context, server_id: int) -> CheckReport:
    try:
        return await request_check(ctx.service.bus, server_id)
    except BaseException as error:
        # Also if the caller is gone: a runner may have signed in by then.
        await _record(ctx, server_id, {"answered": False})
        if isinstance(error, Unanswered):
            raise build_no_runner_error(error) from None
        raise


async def _record(ctx: Context, server_id: int, after: dict[str, Any]) -> None:
    change = AuditedChange(AuditKind.SERVER_CHECKED, ObjectKind.SERVER, server_id, after=after)
    await ctx.service.store.run(audit.record, audit.build_actor(ctx), change)


def _is_ready(report: CheckReport) -> bool:
    return all(step.status is not StepStatus.FAILED for step in report.steps)


def _summarize(report: CheckReport) -> dict[str, Any]:
    """Return what the audit keeps of a check: every step that was not skipped, with its time and what was found."""
    steps = {
        step.step: _leave_out_unknown(
            {"status": step.status, "ms": step.duration_ms, "found": step.found, "detail": step.detail}
        )
        for step in report.steps
        if step.status is not StepStatus.SKIPPED
    }
    facts = {"clock_difference": report.clock_difference, "round_trip_ms": report.round_trip_ms}
    return {"ready": _is_ready(report), "steps": steps} | _leave_out_unknown(facts)


def _leave_out_unknown(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


async def _show_step(ctx: Context, step: StepResult) -> CheckedStep:
    english, chinese = await _explain(ctx, step)
    message = chinese if ctx.language == "zh" else english
    return CheckedStep(step.step, step.status, step.duration_ms, step.found, message)


async def _explain(ctx: Context, step: StepResult) -> tuple[str | None, str | None]:
    """Return what to do next, in English and Chinese. Jump servers that the viewer may not see are not named."""
    if step.status is StepStatus.LIMITED:
        english, chinese = REASONS.get(step.found or "", LIMITS[step.step])
        return english.format(found=step.found), chinese.format(found=step.found)
    if step.detail is None:
        return None, None
    detail = await jumps.hide_names(ctx, step.detail)
    return detail, f"{FAILURES.get(step.step, FAILED_LATER)}：{detail}"
