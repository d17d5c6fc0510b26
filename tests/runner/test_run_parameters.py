"""The parameters of a run on their way to the command: as variables, secret or not, and as the policy judges them."""

from collections.abc import AsyncIterator

import pytest

from db.store import Store
from db.values import Mode, Reason, State
from tests.support.rig import Rig, rig_on, running
from tests.support.targets import Target

pytestmark = pytest.mark.anyio

HIDDEN = "swordfish-4711"
HOSTILE = {
    "QUOTES": "'; touch broken; echo \"",
    "SUBSTITUTED": "$(touch broken) `touch broken` ${HOME} $HOME",
    "ENDED": "x'\n touch broken \n#",
    "OPTION": "-n --help ; & | > broken",
    "GLOB": "* ? [a-z] ~ {a,b}",
    "BYTES": "\t\\n\\0 \x7f \u00e9\u76d8\u202e",
    "EMPTY": "",
}


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(rig_on(store)) as started:
        yield started


@pytest.mark.parametrize("mode", [Mode.DURABLE, Mode.ATTACHED])
async def test_values_arrive_as_they_are_and_nothing_in_them_is_run(rig: Rig, target: Target, mode: Mode) -> None:
    server = await rig.server(target, run_mode=mode)
    shown = "; ".join(f'printf "%s\\0" "${name}"' for name in HOSTILE)
    row = await rig.ran(server, f"{shown}; ls broken", parameters=dict(HOSTILE), env={"QUOTES2": "x"})
    out, error = await rig.output(row.id)
    assert out.decode().split("\0")[:-1] == list(HOSTILE.values())
    assert b"broken" in error, "there is no such file"
    assert row.parameters == HOSTILE


@pytest.mark.parametrize("mode", [Mode.DURABLE, Mode.ATTACHED])
async def test_a_secret_value_arrives_and_is_masked_and_not_kept(rig: Rig, target: Target, mode: Mode) -> None:
    server = await rig.server(target, run_mode=mode)
    given = {"parameters": {"KEY": None, "PLAIN": "seen"}, "own": {"KEY": HIDDEN}}
    row = await rig.ran(server, 'echo "${#KEY} <$KEY> $PLAIN"; echo "$KEY" >&2', **given)
    assert await rig.output(row.id) == (b"14 <**************> seen\n", b"**************\n")
    assert (row.state, row.parameters) == (State.SUCCESS, {"KEY": None, "PLAIN": "seen"})
    assert (row.sealed_env, row.sealed_run) == (None, None)


async def test_nothing_is_started_without_the_secret_value(rig: Rig, demo_target: Target) -> None:
    row = await rig.ran(await rig.server(demo_target), "true", parameters={"KEY": None})
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
    assert "the value of KEY is not there" in str(row.message)


async def test_the_command_is_judged_with_its_values_again_before_it_starts(rig: Rig, demo_target: Target) -> None:
    server = await rig.server(demo_target)
    command = 'echo would remove "$DIR"; false && rm -rf "$DIR"'
    refused = await rig.ran(server, command, parameters={"DIR": "/"})
    assert (refused.state, refused.reason) == (State.FAILED, Reason.REFUSED_BY_POLICY)
    assert "fs.remove-protected" in str(refused.message)
    allowed = await rig.ran(server, command, parameters={"DIR": "/tmp/x"})
    unknown = await rig.ran(server, command, parameters={"DIR": None}, own={"DIR": HIDDEN})
    assert [row.reason for row in (allowed, unknown)] == [Reason.EXIT_STATUS] * 2
    denied = await rig.ran(server, "true", parameters={"LD_PRELOAD": "x"})
    assert denied.reason == Reason.REFUSED_BY_POLICY
