"""A command's standard input: bounded, judged, sealed until the run has ended, and told by its size and digest."""

import hashlib
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, select

from db import executions as rows
from db import retention, transitions
from db import stdin as stdins
from db.audit import audit_events
from db.models import TaskExecution
from db.values import AuditKind, State
from resolvers import commands, executions
from resolvers.errors import CommandRefused, Conflict, TooLarge
from resolvers.validation import MAX_STDIN_BYTES
from runner.execution import run_secrets, start_check
from runner.execution.start_check import EndRecord
from runner.secrets import bindings
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

GIVEN = bytes(range(256)) + b"swordfish"


def kept(conn: Connection) -> int:
    return int(conn.scalar(select(func.count()).select_from(stdins.stdins)) or 0)


async def made(desk: Desk, stdin: bytes | None, **more: object) -> TaskExecution:
    return await executions.run_command(desk.operator, desk.command(stdin=stdin, **more))


async def opened(desk: Desk, row: TaskExecution) -> bytes | None:
    sealed = await desk.service.store.read(stdins.load_sealed, row.id)
    assert sealed is None or GIVEN not in sealed
    return run_secrets.open_stdin(row, sealed, desk.service.vault)


async def test_it_is_sealed_and_told_by_its_size_and_digest(either_desk: Desk) -> None:
    row = await made(either_desk, GIVEN)
    assert (row.stdin_bytes, row.stdin_sha256) == (len(GIVEN), hashlib.sha256(GIVEN).hexdigest())
    assert await opened(either_desk, row) == GIVEN
    none, empty = await made(either_desk, None), await made(either_desk, b"")
    assert (none.stdin_bytes, none.stdin_sha256) == (None, None)
    assert (empty.stdin_bytes, empty.stdin_sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert [await opened(either_desk, each) for each in (none, empty)] == [None, b""]
    assert await either_desk.service.store.read(kept) == 1


async def test_it_goes_when_the_run_ends_however_it_ends(either_desk: Desk) -> None:
    store = either_desk.service.store
    cancelled = await made(either_desk, GIVEN)
    await executions.cancel(either_desk.operator, cancelled.id)
    assert await store.read(kept) == 0
    await made(either_desk, GIVEN)
    row = await either_desk.claimed()
    another: Any = SimpleNamespace(id=row.id, fence=row.fence + 1, stdin_bytes=row.stdin_bytes)
    values = {"state": State.SUCCESS, "end_time": either_desk.clock()}
    end = EndRecord(values, either_desk.clock())
    assert not await store.run(start_check.finish, another, end)
    assert await store.read(kept) == 1, "another's run keeps it"
    assert await store.run(start_check.finish, row, end)
    assert await store.read(kept) == 0
    found = await store.read(rows.by_id, row.id)
    assert found is not None
    assert found.stdin_sha256 == hashlib.sha256(GIVEN).hexdigest()


async def test_the_same_key_with_another_input_is_a_conflict(desk: Desk) -> None:
    first = await made(desk, GIVEN, idempotency_key="k")
    assert (await made(desk, GIVEN, idempotency_key="k")).id == first.id
    for other in (GIVEN[::-1], b"", None):
        with pytest.raises(Conflict, match="idempotency key"):
            await made(desk, other, idempotency_key="k")
    assert await desk.service.store.read(kept) == 1


async def test_more_than_the_most_is_refused_by_its_field(desk: Desk) -> None:
    await made(desk, bytes(MAX_STDIN_BYTES), command="wc -c")
    for asks in (
        made(desk, bytes(MAX_STDIN_BYTES + 1)),
        commands.check_command(desk.viewer, commands.CommandDraft(command="sh", stdin=bytes(MAX_STDIN_BYTES + 1))),
    ):
        with pytest.raises(TooLarge, match="the most is 1048576") as refused:
            await asks
        assert refused.value.field == ("stdin",)
        assert "上限为 1048576" in refused.value.chinese


async def test_the_policy_judges_a_shell_by_what_it_reads(desk: Desk) -> None:
    with pytest.raises(CommandRefused, match=r"fs\.remove-protected"):
        await made(desk, b"rm -rf /\n", command="bash -s")
    assert (await made(desk, b"echo hi\n", command="bash -s")).state == State.PENDING
    found = await commands.check_command(desk.viewer, commands.CommandDraft(command="bash -s", stdin=b"rm -rf /\n"))
    assert not found.is_allowed
    assert (
        await commands.check_command(desk.viewer, commands.CommandDraft(command="bash -s", stdin=b"echo hi"))
    ).is_allowed


async def test_it_is_judged_again_with_the_same_input_at_the_start(desk: Desk) -> None:
    row = await made(desk, b"rm -rf notes\n", command="bash -s")
    store, vault = desk.service.store, desk.service.vault
    seen = await store.read(start_check.load, row)
    assert start_check.decide(desk.service.policy, vault, row, seen).refusal is None
    assert seen.stdin is not None
    worse = vault.seal(b"rm -rf /\n", **bindings.build_stdin_binding(row.id))
    assert await store.run(stdins.replace_sealed, row.id, seen.stdin, worse)
    seen = await store.read(start_check.load, row)
    assert "fs.remove-protected" in (start_check.decide(desk.service.policy, vault, row, seen).refusal or "")


async def test_without_what_it_reads_a_run_does_not_start(desk: Desk) -> None:
    row = await made(desk, GIVEN)
    for sealed, why in ((None, "not kept any more"), (b"\1\0", "cannot be opened")):
        with pytest.raises(run_secrets.SecretMissing, match=why):
            run_secrets.unseal(row, [], desk.service.vault, begun=False, stdin=sealed)


async def test_the_audit_and_every_text_of_ours_name_the_digest_only(desk: Desk) -> None:
    row = await made(desk, GIVEN)
    found = [event for event in await desk.service.store.read(all_events) if event.kind == AuditKind.EXECUTION_STARTED]
    after = orjson.loads(found[-1].after)
    assert (after["stdin_bytes"], after["stdin_sha256"]) == (row.stdin_bytes, row.stdin_sha256)
    assert "swordfish" not in repr(desk.command(stdin=GIVEN)) + repr(found)


def all_events(conn: Connection) -> list[Any]:
    return list(conn.execute(select(audit_events)))


async def test_a_run_that_is_removed_takes_it_along(desk: Desk) -> None:
    """It ended by a version that knew nothing of it."""
    row = await made(desk, GIVEN)
    claimed = await desk.claimed()
    assert claimed.id == row.id
    end = {"state": State.SUCCESS, "end_time": desk.clock()}
    assert await desk.service.store.run(transitions.finish, row.id, claimed.fence, end)
    assert await desk.service.store.read(kept) == 1
    desk.clock.forward(10)
    assert await desk.service.store.run(retention.prune, desk.clock(), 10) == 1
    assert await desk.service.store.read(kept) == 0
