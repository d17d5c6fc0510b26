"""Checks of servers as a runner makes them, without a bus between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from db.store import Store
from runner.checks.requests import CheckReport, CheckStep, StepResult, StepStatus
from runner.checks.server_checks import CheckParts
from runner.ssh.client import ConnectTimeouts, connect
from runner.ssh.pool import Pool
from tests.support import runs


@asynccontextmanager
async def check_parts(store: Store, *, login: float = 20.0, **changes: Any) -> AsyncIterator[CheckParts]:
    """Parts with `login` seconds for the SSH login, and what else a test changes."""
    connecting = partial(connect, timeouts=ConnectTimeouts(connect=10.0, login=login))
    pool = Pool(connecting, connect_through=connecting)
    try:
        usual = CheckParts(store=store, vault=runs.VAULT, pool=pool, connect=connecting)
        yield replace(usual, **changes)
    finally:
        await pool.close()


def get_step(report: CheckReport, name: CheckStep) -> StepResult:
    return next(step for step in report.steps if step.step is name)


def list_statuses(report: CheckReport) -> dict[CheckStep, StepStatus]:
    return {step.step: step.status for step in report.steps}


def fails_at(report: CheckReport, name: CheckStep) -> StepResult:
    """The failed step, with a sentence; those before it were OK or skipped, those after it were skipped."""
    steps = tuple(CheckStep)
    at = steps.index(name)
    assert tuple(step.step for step in report.steps) == steps
    assert {step.status for step in report.steps[:at]} <= {StepStatus.OK, StepStatus.SKIPPED}
    assert {step.status for step in report.steps[at + 1 :]} <= {StepStatus.SKIPPED}
    assert report.steps[at].status is StepStatus.FAILED, report.steps
    assert report.steps[at].detail
    return report.steps[at]
