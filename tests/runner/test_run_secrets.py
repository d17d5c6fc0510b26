"""What a run takes of secrets: when, from where, for how long; and what its record holds of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from db import secrets
from db.models import TaskExecution
from db.store import Store
from db.values import Mode, Reason, State
from runner.execution import run_secrets
from runner.secrets import bindings
from runner.secrets.secret import Secret
from tests.support import runs
from tests.support.rig import Rig, rig_on, running
from tests.support.targets import Target

pytestmark = pytest.mark.anyio

OWN, TAKEN = "swordfish-4711", "herring-0815"


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(rig_on(store)) as started:
        yield started


async def register(store: Store, name: str, value: str, server_id: int | None = None) -> int:
    now = runs.now()
    values = {"name": name, "value": b"", "server_id": server_id, "created_by": await runs.user(store)}
    row = await store.run(secrets.insert, values | {"created_at": now, "updated_at": now})
    await replace(store, row.id, value)
    return row.id


async def replace(store: Store, id: int, value: str) -> None:
    sealed = runs.VAULT.seal(value.encode(), **bindings.build_registered_binding(id))
    assert await store.run(secrets.update, id, {"value": sealed})


async def pending(rig: Rig, server: int, command: str, **changes: Any) -> int:
    """An ad-hoc run with OWN as a value of its own, and what is registered as `taken`."""
    names = {"OWN": None, "TAKEN": "taken"}
    return await rig.pending(server, command, **{"own": {"OWN": OWN}, "secret_env": names} | changes)


async def ran(rig: Rig, server: int, command: str, **changes: Any) -> TaskExecution:
    id = await pending(rig, server, command, **changes)
    return await rig.ended(id)


@pytest.mark.parametrize("mode", [Mode.DURABLE, Mode.ATTACHED])
async def test_a_run_gets_its_secrets_and_its_output_hides_them(rig: Rig, target: Target, mode: Mode) -> None:
    server = await rig.server(target, run_mode=mode)
    await register(rig.store, "taken", TAKEN)
    await register(rig.store, "not taken", "of this server", server)
    await register(rig.store, "elsewhere", "of another server", await rig.server(target))
    command = (
        '[ ${#OWN} = 14 ] && [ ${#TAKEN} = 12 ] && echo "$OWN" >&2; echo "<$TAKEN> of this server, of another server"'
    )
    row = await ran(rig, server, command, env={"PLAIN": "x"})
    assert await rig.output(row.id) == (b"<************> **************, of another server\n", b"**************\n")
    assert (row.state, row.secret_env) == (State.SUCCESS, {"OWN": None, "TAKEN": "taken"})
    assert (row.sealed_env, row.sealed_run) == (None, None), "nothing sealed outlives the run"


async def test_what_is_taken_is_the_value_at_the_start_and_is_hidden_until_the_end(
    store: Store, target: Target, tmp_path: Path
) -> None:
    """Whoever takes a run over hides what it took, also if it was replaced, and finds a secret that was cut in two."""
    first, go = rig_on(store), tmp_path / "go"
    async with running(first):
        server = await first.server(target, run_mode=Mode.DURABLE)
        taken = await register(store, "taken", TAKEN)
        halves = f'printf "{TAKEN[:5]}"; while [ ! -e {go} ]; do sleep 0.05; done; echo "{TAKEN[5:]}"; echo "$OWN"'
        id = await pending(first, server, f"echo first: $TAKEN; {halves}")
        assert await first.printed(id, at_least=7 + len(TAKEN)) == b"first: ************\n"
    row = await first.row(id)
    assert row.state == State.RUNNING
    assert TAKEN.encode() not in (row.sealed_run or b"")
    await replace(store, taken, "another value")
    go.touch()
    async with running(rig_on(store, "runner-2")) as second:
        row = await second.ended(id)
    assert row.exit_code == 0
    assert (await second.output(id))[0] == b"first: ************\n************\n**************\n"


async def test_a_stored_half_of_a_secret_does_not_show_the_other_half(store: Store, openssh: Target) -> None:
    """The database has a part of the stars when the runner dies."""
    first = rig_on(store)
    async with running(first):
        server = await first.server(openssh, run_mode=Mode.DURABLE)
        await register(store, "taken", TAKEN)
        id = await pending(first, server, 'echo "x $TAKEN y"; sleep 1; echo end')
        await first.printed(id, at_least=len(TAKEN) + 5)
    await store.run(cut_to, id, 7)
    async with running(rig_on(store, "runner-2")) as second:
        await second.ended(id)
    assert (await second.output(id))[0] == b"x ************ y\nend\n"


def cut_to(conn: Any, id: int, size: int) -> None:
    conn.exec_driver_sql(
        f"UPDATE output_chunks SET data = substr(data, 1, {size}), size = {size} WHERE execution_id = {id}"
    )
    conn.exec_driver_sql(f"UPDATE task_executions SET stdout_bytes = {size} WHERE id = {id}")


async def test_a_cap_within_a_secret_shows_none_of_it(rig: Rig, target: Target) -> None:
    for mode in (Mode.DURABLE, Mode.ATTACHED):
        server = await rig.server(target, run_mode=mode)
        if mode is Mode.DURABLE:
            await register(rig.store, "taken", TAKEN)
        row = await ran(rig, server, 'printf "12345$TAKEN"; sleep 1; yes "$TAKEN"', output_limit=10)
        assert (row.reason, row.truncated) == (Reason.OUTPUT_LIMIT, True)
        assert (await rig.output(row.id))[0] == b"12345*****"


async def test_where_a_run_is_stopped_the_beginning_of_a_secret_is_hidden(rig: Rig, target: Target) -> None:
    """And shown where the command ended of itself: then it printed no more than that."""
    await register(rig.store, "taken", TAKEN)
    for mode in (Mode.DURABLE, Mode.ATTACHED):
        server = await rig.server(target, run_mode=mode)
        for limit, shown in ((1, b"x\n*******"), (30, b"x\nherring")):
            command = f'printf "x\n{TAKEN[:7]}"; sleep {0 if limit > 1 else 60}'
            row = await ran(rig, server, command, timeout_seconds=limit)
            assert (await rig.output(row.id))[0] == shown


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_run_without_one_of_its_secrets_is_not_started(
    rig: Rig, demo_target: Target, tmp_path: Path, sealed: bool
) -> None:
    server = await rig.server(demo_target)
    await register(rig.store, "taken", TAKEN, await rig.server(demo_target))
    broken = {"sealed_env": {"OWN": "bm90IHNlYWxlZA=="}, "own": {}, "secret_env": {"OWN": None}}
    row = await ran(rig, server, f"touch {tmp_path}/ran", **(broken if sealed else {}))
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
    assert ("keys at hand" if sealed else "the secret taken (for TAKEN)") in (row.message or "")
    assert not (tmp_path / "ran").exists()


async def test_secrets_that_no_target_could_take_are_refused_before_the_start(rig: Rig, demo_target: Target) -> None:
    server = await rig.server(demo_target)
    await register(rig.store, "taken", "it's " * 16_000)
    row = await ran(rig, server, "true")
    assert row.reason == Reason.START_FAILED
    assert "120000 bytes" in (row.message or "")


async def test_what_a_message_repeats_of_the_target_is_masked(rig: Rig, demo_target: Target) -> None:
    held = run_secrets.RunSecrets({}, frozenset({Secret(TAKEN)}))
    assert held.mask(f"lost: {TAKEN}") == "lost: ************"
    assert (held.mask(None), run_secrets.RunSecrets().mask(TAKEN)) == (None, TAKEN)
    assert TAKEN not in repr(held)
