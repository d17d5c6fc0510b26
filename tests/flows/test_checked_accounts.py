"""Checks of servers on accounts as people have them: every login shell, and accounts that may not sign in or run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from db.store import Store, open_store
from runner.checks.requests import CheckReport, CheckStep, StepStatus
from runner.checks.server_checks import check_server
from tests.support import runs
from tests.support.accounts.account_setups import SHELLS, shell_wish
from tests.support.accounts.accounts import Accounts, Wish, accounts, found, needs_accounts
from tests.support.server_checks import check_parts, fails_at, get_step, list_statuses
from tests.support.stores import lay_database

pytestmark = [needs_accounts, pytest.mark.anyio]

REFUSED = {
    "locked": (Wish(prepare="usermod -p '!' \"$USER\""), CheckStep.SIGN_IN),
    "nologin": (Wish(shell="/usr/sbin/nologin"), CheckStep.LOGIN_SHELL),
    "a login shell that is gone": (Wish(prepare='usermod -s /nonexistent/shell "$USER"'), CheckStep.SIGN_IN),
    "a forced command": (Wish(forced="echo only this"), CheckStep.LOGIN_SHELL),
}
STDERR = "login files that lead stderr elsewhere"
WISHES = {
    **{name: shell_wish(program) for name, program in SHELLS.items() if found(program)},
    **{name: wish for name, (wish, _) in REFUSED.items()},
    STDERR: Wish(files={".bashrc": "exec 2>/dev/null\n"}),
}


@pytest.fixture(scope="module")
def made() -> Iterator[Accounts]:
    with accounts(WISHES) as made:
        yield made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    lay_database(tmp_path)
    opened = await open_store(f"sqlite:///{tmp_path / 'sshcast.db'}")
    yield opened
    await opened.close()


async def check(store: Store, made: Accounts, *names: str) -> dict[str, CheckReport]:
    ids = {name: await runs.server(store, made.named[name].target, name=name) for name in names}
    async with check_parts(store, seconds=100.0, shell_seconds=60.0) as parts:
        reports = await asyncio.gather(*(check_server(parts, id) for id in ids.values()))
    return dict(zip(ids, reports, strict=True))


async def test_each_login_shell_passes_and_is_told_by_its_path(made: Accounts, store: Store) -> None:
    reports = await check(store, made, *(name for name in SHELLS if name in made.named))
    assert len(reports) >= 2
    for name, report in reports.items():
        assert set(list_statuses(report).values()) == {StepStatus.OK}, (name, report.steps)
        shell = "ash" if name == "busybox ash" else SHELLS[name]
        assert Path(get_step(report, CheckStep.LOGIN_SHELL).found or "").name == shell


async def test_an_account_that_may_not_sign_in_or_run_fails_at_its_step(made: Accounts, store: Store) -> None:
    reports = await check(store, made, *REFUSED)
    for name, (_, step) in REFUSED.items():
        fails_at(reports[name], step)


async def test_login_files_that_lead_stderr_elsewhere_are_told_as_a_limit(made: Accounts, store: Store) -> None:
    report = (await check(store, made, STDERR))[STDERR]
    limited = {step.step: step.found for step in report.steps if step.status is not StepStatus.OK}
    assert limited == {CheckStep.FOLDER: "stderr"}
