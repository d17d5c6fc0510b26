"""Checks that users ask for: who may, what they are told in which language, and what is audited. On real OpenSSH."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import audit
from db.models import Server
from db.page import Window
from db.values import AuditKind, Role
from resolvers import grants, server_checks, servers
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, NotFound, RateLimited, Unauthenticated, Unavailable
from resolvers.inputs import NewCredential, ServerChange
from resolvers.rates import Buckets, Rate, RateLimiter
from resolvers.server_checks import CheckedStep, ServerCheck
from runner.checks.requests import ADDRESS, CheckStep, StepStatus
from runner.ssh.keys import fingerprint
from sshcast.settings import Settings
from sshcast.ssh_wiring import build_checks, build_pool
from tests.support.desk import Desk
from tests.support.targets import Target, openssh, running_sshd

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def checks_at(desk: Desk, **settings: Any) -> AsyncIterator[None]:
    """The runner's part as the service builds it, at work on the desk's bus."""
    made = Settings(data=Path("unused"), **settings)
    pool = build_pool(made)
    checks = build_checks(desk.service, made, pool)
    await checks.start()
    try:
        yield
    finally:
        await checks.stop()
        await pool.close()


@pytest.fixture
async def checked_desk(desk: Desk) -> AsyncIterator[Desk]:
    async with checks_at(desk):
        yield desk


@pytest.fixture
async def either(either_desk: Desk) -> AsyncIterator[Desk]:
    """On SQLite and on PostgreSQL."""
    async with checks_at(either_desk):
        yield either_desk


async def add(desk: Desk, target: Target, **changes: Any) -> Server:
    usual: dict[str, Any] = {
        "name": f"sshd {target.port}",
        "port": target.port,
        "username": target.username,
        "host_keys": [target.host_key],
        "credential": NewCredential(private_key=target.private_key),
    }
    return await desk.server(**usual | changes)


async def events(desk: Desk, kind: AuditKind = AuditKind.SERVER_CHECKED) -> list[tuple[Any, Any]]:
    """Object and `after` of each event of this kind, oldest first."""
    found = await desk.service.store.read(audit.page, audit.AuditFilter(kinds=(kind,)), Window(limit=100))
    ordered = sorted(found, key=lambda event: event.id)
    return [(each.object_id, each.after and json.loads(each.after)) for each in ordered]


def step_of(found: ServerCheck, name: CheckStep) -> CheckedStep:
    return next(step for step in found.steps if step.step is name)


async def test_an_operator_is_told_what_was_found_and_the_audit_keeps_it(either: Desk, openssh: Target) -> None:
    server = await add(either, openssh)
    found = await server_checks.check(either.operator, server.id)
    assert found.is_ready
    assert found.server.id == server.id
    assert [step.message for step in found.steps] == [None] * len(CheckStep)
    assert found.host_key is not None
    assert found.host_key.fingerprint == fingerprint(openssh.host_key)
    ((object_id, after),) = await events(either)
    assert (object_id, after["ready"]) == (server.id, True)
    assert set(after["steps"]) == {str(step) for step in CheckStep}
    assert after["steps"]["sign-in"]["found"] == openssh.username
    assert after["steps"]["sign-in"]["ms"] == step_of(found, CheckStep.SIGN_IN).duration_ms
    assert after["round_trip_ms"] == found.round_trip_ms


async def test_a_failing_server_is_no_error_and_is_told_in_both_languages(checked_desk: Desk, openssh: Target) -> None:
    server = await add(checked_desk, openssh, port=1)
    english = await server_checks.check(checked_desk.operator, server.id)
    chinese = await server_checks.check(replace(checked_desk.operator, language="zh"), server.id)
    assert not english.is_ready
    sentence = step_of(english, CheckStep.REACH).message
    assert (
        sentence == "127.0.0.1 refused the connection on port 1. Check the port, and that an SSH server listens there."
    )
    assert step_of(chinese, CheckStep.REACH).message == f"连接服务器失败：{sentence}"
    assert {step.status for step in english.steps[1:]} == {StepStatus.SKIPPED}
    _, after = (await events(checked_desk))[0]
    assert (after["ready"], list(after["steps"])) == (False, ["reach"])
    assert after["steps"]["reach"]["detail"] == sentence


async def test_what_limits_runs_is_told_with_what_to_do_in_both_languages(checked_desk: Desk, tmp_path: Path) -> None:
    bin, sshd = tmp_path / "bin", tmp_path / "sshd"
    bin.mkdir()
    sshd.mkdir()
    for name in ("sh", "cat", "rm", "mkdir", "mkfifo"):
        (bin / name).symlink_to(f"/bin/{name}")
    with running_sshd(sshd, f'SetEnv "HOME={tmp_path}/home" "PATH={bin}"') as target:
        server = await add(checked_desk, target)
        english = await server_checks.check(checked_desk.operator, server.id)
        chinese = await server_checks.check(replace(checked_desk.operator, language="zh"), server.id)
    assert english.is_ready
    limited = [step for step in english.steps if step.status is StepStatus.LIMITED]
    assert [step.step for step in limited] == [CheckStep.SETSID, CheckStep.PROGRAMS, CheckStep.CLOCK]
    assert "missing (tail sleep), so" in str(step_of(english, CheckStep.PROGRAMS).message)
    assert "（tail sleep）" in str(step_of(chinese, CheckStep.PROGRAMS).message)
    assert "install util-linux" in str(step_of(english, CheckStep.SETSID).message)
    assert "请安装 util-linux" in str(step_of(chinese, CheckStep.SETSID).message)


def test_every_step_that_can_be_limited_has_a_sentence_in_both_languages() -> None:
    later = tuple(CheckStep)[tuple(CheckStep).index(CheckStep.SETSID) : -1]
    assert tuple(server_checks.LIMITS) == later
    for english, chinese in (*server_checks.LIMITS.values(), *server_checks.REASONS.values()):
        assert english.format(found="X").endswith(".")
        assert chinese.format(found="X").endswith("。")


async def test_a_jump_server_that_the_viewer_may_not_see_is_not_named(either: Desk, openssh: Target) -> None:
    jump = await add(either, openssh, name="the bastion", port=1)
    server = await add(either, openssh, jump_server_id=jump.id)
    ctx = either.as_a(Role.NONE)
    await grants.give(either.admin, either.users[Role.NONE].id, server.id, None, Role.OPERATOR)
    told = str(step_of(await server_checks.check(ctx, server.id), CheckStep.REACH).message)
    assert "you may not see which" in told
    assert "the bastion" not in told
    seen = str(step_of(await server_checks.check(either.operator, server.id), CheckStep.REACH).message)
    assert seen.startswith(f"Jump server {jump.id} (the bastion): ")


@pytest.mark.parametrize("role", [None, Role.NONE, Role.VIEWER])
async def test_who_is_no_operator_has_nothing_connected_to(checked_desk: Desk, role: Role | None) -> None:
    with pytest.raises(Forbidden if role else Unauthenticated):
        await server_checks.check(checked_desk.as_a(role), 1)
    assert await events(checked_desk) == []
    refused = [after["action"] for _, after in await events(checked_desk, AuditKind.FORBIDDEN)]
    assert refused == (["servers.check"] if role else [])


async def test_an_operator_by_a_grant_checks_that_server_and_no_other(either: Desk, openssh: Target) -> None:
    server = await add(either, openssh)
    ctx = either.as_a(Role.NONE)
    await grants.give(either.admin, either.users[Role.NONE].id, server.id, None, Role.OPERATOR)
    assert (await server_checks.check(ctx, server.id)).is_ready
    for other in (1, 4711):
        with pytest.raises(NotFound):
            await server_checks.check(ctx, other)
    assert [object_id for object_id, _ in await events(either)] == [server.id]


async def test_a_disabled_server_is_not_connected_to(checked_desk: Desk, openssh: Target) -> None:
    server = await add(checked_desk, openssh)
    await servers.update(checked_desk.admin, server.id, ServerChange(enabled=False))
    with pytest.raises(Conflict, match="is disabled"):
        await server_checks.check(checked_desk.admin, server.id)
    assert await events(checked_desk) == []


async def test_checks_count_as_scans_do(desk: Desk) -> None:
    limiter = RateLimiter(scans=Buckets(Rate(1, 2), clock=lambda: 0.0))
    ctx = Context(replace(desk.service, rates=limiter), desk.operator.viewer)
    for _ in range(2):
        with pytest.raises(Unavailable):  # there is no runner, and the attempt counts
            await server_checks.check(ctx, 1)
    with pytest.raises(RateLimited, match="checks of servers") as refused:
        await server_checks.check(ctx, 1)
    assert refused.value.retry_after == 1


async def test_without_a_runner_that_is_told_and_in_the_audit(desk: Desk) -> None:
    with pytest.raises(Unavailable, match="No runner is at work"):
        await server_checks.check(desk.operator, 1)
    assert await events(desk) == [(1, {"answered": False})]


async def test_a_check_whose_caller_goes_away_is_in_the_audit(either_desk: Desk) -> None:
    begun = asyncio.Event()

    async def never_answer(request: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with either_desk.service.bus.answering(ADDRESS, never_answer):
        asked = asyncio.create_task(server_checks.check(either_desk.operator, 1))
        await begun.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert await events(either_desk) == [(1, {"answered": False})]


async def test_networks_that_are_denied_are_not_connected_to(desk: Desk, openssh: Target) -> None:
    server = await add(desk, openssh)
    async with checks_at(desk, denied_networks=("127.0.0.0/8",)):
        found = await server_checks.check(desk.operator, server.id)
    assert "may not connect to" in str(step_of(found, CheckStep.REACH).message)
