"""Checks of servers that other layers request over the bus: what is asked, and what a runner answers."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from runner.bus import Bus
from runner.ssh.sign_in.progress import SeenHostKey

ADDRESS = "server-checks"
CHECK_SECONDS = 45.0
# A check may have to wait for an earlier one of the same server.
ANSWER_SECONDS = 55.0


class CheckStep(StrEnum):
    """A step of a check, in their order. After one that fails the others are skipped."""

    REACH = "reach"
    HOST_KEY = "host-key"
    SIGN_IN = "sign-in"
    LOGIN_SHELL = "login-shell"
    SETSID = "setsid"
    PROC = "proc"
    PROGRAMS = "programs"
    FOLDER = "folder"
    CLOCK = "clock"
    ROUND_TRIP = "round-trip"


class StepStatus(StrEnum):
    """What came of a step."""

    OK = "ok"
    LIMITED = "limited"
    """Runs work without what is missing, but not as well."""
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The result of a step. `found` is what the server has, or lacks; `detail` says why the step failed."""

    step: CheckStep
    status: StepStatus
    duration_ms: float | None = None
    found: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Every step of a check, in order. `clock_difference` is in seconds, above 0 if the server's clock is ahead."""

    steps: tuple[StepResult, ...]
    host_key: SeenHostKey | None = None
    clock_difference: float | None = None
    round_trip_ms: float | None = None


async def request_check(bus: Bus, server_id: int) -> CheckReport:
    """Have a runner check the server. Raises Unanswered."""
    return _parse_report(await bus.ask(ADDRESS, {"server_id": server_id}, seconds=ANSWER_SECONDS))


def format_report(report: CheckReport) -> dict[str, Any]:
    """Return the report as the bus carries it."""
    return asdict(report)


def _parse_report(answer: dict[str, Any]) -> CheckReport:
    key = answer["host_key"]
    return CheckReport(
        steps=tuple(_parse_step(step) for step in answer["steps"]),
        host_key=None if key is None else SeenHostKey(**key),
        clock_difference=answer["clock_difference"],
        round_trip_ms=answer["round_trip_ms"],
    )


def _parse_step(step: dict[str, Any]) -> StepResult:
    return StepResult(**step | {"step": CheckStep(step["step"]), "status": StepStatus(step["status"])})
