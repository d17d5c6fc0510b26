"""Checks of servers, step by step, on real OpenSSH: what they find, at which step they fail, and that they end."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import servers
from db.store import Store
from runner.bus import Bus
from runner.checks.requests import CheckStep, StepStatus, request_check
from runner.checks.server_checks import CheckParts, ServerChecks, check_server
from runner.secrets.vault import Vault
from runner.ssh.keys import fingerprint
from runner.ssh.protocol import ServerConnection
from tests.support import runs
from tests.support.jump_chain import count_sign_ins, running_chain, store_chain
from tests.support.ports import free_port
from tests.support.server_checks import check_parts, fails_at, get_step, list_statuses
from tests.support.targets import Target, make_key, public_line, running_sshd

pytestmark = pytest.mark.anyio


@pytest.fixture
async def parts(store: Store) -> AsyncIterator[CheckParts]:
    async with check_parts(store) as made:
        yield made


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    """A jump server and a target."""
    with running_chain(tmp_path_factory.mktemp("chain"), 1) as targets:
        yield targets


def list_files(target: Target) -> list[Path]:
    return [path for path in (target.folder / "home" / ".sshcast").glob("*") if path.name.startswith("check-")]


async def test_a_good_server_passes_every_step_and_nothing_stays_there(parts: CheckParts, openssh: Target) -> None:
    report = await check_server(parts, await runs.server(parts.store, openssh))
    assert set(list_statuses(report).values()) == {StepStatus.OK}, report.steps
    assert all(step.duration_ms is not None and step.duration_ms >= 0 for step in report.steps)
    found = {step.step: step.found for step in report.steps}
    assert found[CheckStep.REACH] == f"127.0.0.1 port {openssh.port}"
    assert found[CheckStep.HOST_KEY] == f"ssh-ed25519 {fingerprint(openssh.host_key)}"
    assert found[CheckStep.SIGN_IN] == openssh.username
    assert str(found[CheckStep.LOGIN_SHELL]).startswith("/")
    assert str(found[CheckStep.SETSID]).endswith("/setsid")
    assert found[CheckStep.FOLDER] == str(openssh.folder / "home" / ".sshcast")
    assert report.host_key is not None
    assert report.host_key.is_trusted
    assert report.round_trip_ms is not None
    assert report.round_trip_ms > 0
    assert list_files(openssh) == []


async def test_the_clock_difference_is_that_of_the_two_clocks(store: Store, openssh: Target) -> None:
    async with check_parts(store, wall_clock=lambda: time.time() - 3600) as parts:
        report = await check_server(parts, await runs.server(store, openssh))
    assert report.clock_difference is not None
    assert abs(report.clock_difference - 3600) < 60
    assert get_step(report, CheckStep.CLOCK).found == f"{report.clock_difference:+.1f} s"


async def test_a_closed_port_fails_at_the_first_step(parts: CheckParts, openssh: Target) -> None:
    report = await check_server(parts, await runs.server(parts.store, openssh, port=free_port()))
    assert "refused the connection" in str(fails_at(report, CheckStep.REACH).detail)
    assert report.host_key is None


async def test_a_host_that_accepts_and_says_nothing_fails_at_the_host_key(store: Store, openssh: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with check_parts(store, login=0.5) as parts:
            report = await check_server(parts, await runs.server(store, openssh, port=silent.getsockname()[1]))
    assert "within 0.5 s" in str(fails_at(report, CheckStep.HOST_KEY).detail)
    assert list_statuses(report)[CheckStep.REACH] is StepStatus.OK


async def test_a_host_that_never_answers_ends_with_the_time_of_the_check(store: Store, openssh: Target) -> None:
    async def never_connect(*given: Any, **options: Any) -> ServerConnection:
        await asyncio.Event().wait()
        raise AssertionError

    async with check_parts(store, connect=never_connect, seconds=0.2) as parts:
        report = await check_server(parts, await runs.server(store, openssh))
    assert "within 0.2 s" in str(fails_at(report, CheckStep.REACH).detail)


async def test_another_host_key_than_the_pinned_one_is_shown_and_fails(
    parts: CheckParts, openssh: Target, tmp_path: Path
) -> None:
    make_key(tmp_path / "other")
    report = await check_server(
        parts, await runs.server(parts.store, openssh, host_keys=[public_line(tmp_path / "other")])
    )
    step = fails_at(report, CheckStep.HOST_KEY)
    assert "differs from the pinned one" in str(step.detail)
    assert step.found == f"ssh-ed25519 {fingerprint(openssh.host_key)}"
    assert report.host_key is not None
    assert (report.host_key.fingerprint, report.host_key.is_trusted) == (fingerprint(openssh.host_key), False)


async def test_a_refused_key_fails_at_the_sign_in(parts: CheckParts, openssh: Target, tmp_path: Path) -> None:
    stranger = replace(openssh, private_key=make_key(tmp_path / "stranger"))
    report = await check_server(parts, await runs.server(parts.store, stranger))
    assert "private key" in str(fails_at(report, CheckStep.SIGN_IN).detail)
    assert list_statuses(report)[CheckStep.HOST_KEY] is StepStatus.OK


async def test_a_credential_of_another_master_key_fails_at_the_sign_in(parts: CheckParts, openssh: Target) -> None:
    id = await runs.server(parts.store, openssh, vault=Vault({"2": bytes(32)}, "2"))
    report = await check_server(parts, id)
    assert "cannot be opened" in str(fails_at(report, CheckStep.SIGN_IN).detail)
    assert list_statuses(report)[CheckStep.REACH] is StepStatus.SKIPPED


async def test_a_pin_that_cannot_be_read_fails_at_the_host_key(parts: CheckParts, openssh: Target) -> None:
    report = await check_server(parts, await runs.server(parts.store, openssh, host_keys=["no key"]))
    fails_at(report, CheckStep.HOST_KEY)


async def test_a_server_that_was_deleted_meanwhile_fails_at_the_first_step(parts: CheckParts) -> None:
    fails_at(await check_server(parts, 4711), CheckStep.REACH)


@pytest.mark.parametrize("lines", ["ForceCommand /bin/false", "MaxSessions 0"])
async def test_an_account_that_gets_no_shell_fails_at_the_login_shell(
    parts: CheckParts, tmp_path: Path, lines: str
) -> None:
    with running_sshd(tmp_path, lines) as target:
        report = await check_server(parts, await runs.server(parts.store, target))
    fails_at(report, CheckStep.LOGIN_SHELL)


async def test_a_shell_that_answers_and_then_hangs_fails_in_time(store: Store, tmp_path: Path) -> None:
    """As where the account's home is on a file system that does not answer: mkdir never ends there."""
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "mkdir").write_text("#!/bin/sh\nexec sleep 60\n")
    (bin / "mkdir").chmod(0o755)
    (tmp_path / "sshd").mkdir()
    with running_sshd(tmp_path / "sshd", f'SetEnv "HOME={tmp_path}/new" "PATH={bin}:/usr/bin:/bin"') as target:
        async with check_parts(store, shell_seconds=2.0) as parts:
            report = await check_server(parts, await runs.server(store, target))
    assert [step.step for step in report.steps if step.status is StepStatus.FAILED] == [CheckStep.FOLDER]
    assert "did not answer within 2 s" in str(get_step(report, CheckStep.FOLDER).detail)


async def test_a_target_without_setsid_and_programs_is_limited_and_tells_which(
    parts: CheckParts, tmp_path: Path
) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in ("sh", "cat", "rm", "sleep", "mkdir", "mkfifo", "printf"):
        (bin / name).symlink_to(f"/bin/{name}")
    (tmp_path / "sshd").mkdir()
    with running_sshd(tmp_path / "sshd", f'SetEnv "HOME={tmp_path}/home" "PATH={bin}"') as target:
        report = await check_server(parts, await runs.server(parts.store, target))
    limited = {step.step: step.found for step in report.steps if step.status is StepStatus.LIMITED}
    assert limited == {CheckStep.SETSID: None, CheckStep.PROGRAMS: "tail", CheckStep.CLOCK: None}
    assert StepStatus.FAILED not in list_statuses(report).values()
    assert report.clock_difference is None


async def test_a_target_is_checked_through_its_jump_server(parts: CheckParts, two: list[Target]) -> None:
    _, target = await store_chain(parts.store, two)
    before = count_sign_ins(two[0])
    report = await check_server(parts, target)
    assert set(list_statuses(report).values()) == {StepStatus.OK}, report.steps
    assert count_sign_ins(two[0]) == before + 1


async def test_a_jump_server_that_fails_or_is_disabled_fails_at_the_first_step_by_name(
    parts: CheckParts, two: list[Target]
) -> None:
    jump, target = await store_chain(parts.store, two)
    assert await parts.store.run(servers.update, jump, {"host_keys": [two[1].host_key]})
    detail = str(fails_at(await check_server(parts, target), CheckStep.REACH).detail)
    assert detail.startswith(f"Jump server {jump} (hop-1): ")
    assert await parts.store.run(servers.update, jump, {"enabled": False})
    assert "is disabled" in str(fails_at(await check_server(parts, target), CheckStep.REACH).detail)


async def test_a_target_that_its_jump_server_does_not_reach_fails_at_the_first_step(
    parts: CheckParts, two: list[Target]
) -> None:
    _, target = await store_chain(parts.store, two, port=free_port())
    fails_at(await check_server(parts, target), CheckStep.REACH)


async def test_what_the_bus_carries_is_the_whole_report(parts: CheckParts, openssh: Target) -> None:
    bus, id = Bus(), await runs.server(parts.store, openssh)
    checks = ServerChecks(bus=bus, parts=parts)
    await checks.start()
    try:
        report = await request_check(bus, id)
    finally:
        await checks.stop()
    assert list_statuses(report) == dict.fromkeys(CheckStep, StepStatus.OK)
    assert report.host_key is not None
    assert isinstance(report.steps[0].step, CheckStep)


async def test_checks_of_one_server_come_one_after_the_other_and_end_with_the_runner(
    store: Store, openssh: Target
) -> None:
    begun, release = asyncio.Semaphore(0), asyncio.Event()

    async def wait_and_fail(*given: Any, **options: Any) -> ServerConnection:
        begun.release()
        await release.wait()
        raise AssertionError

    async with check_parts(store, connect=wait_and_fail) as parts:
        bus = Bus()
        checks = ServerChecks(bus=bus, parts=parts)
        await checks.start()
        first, other = await runs.server(store, openssh), await runs.server(store, openssh)
        asked = [asyncio.create_task(request_check(bus, id)) for id in (first, first, other)]
        async with asyncio.timeout(20):
            for _ in range(2):
                await begun.acquire()
            assert begun.locked()
            await checks.stop()
            for task in asked:
                with suppress(Exception):
                    await task
