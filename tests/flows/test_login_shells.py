"""Real login shells, as chsh sets them: a command runs on each as it does on sh, and its end is told as it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.values import Mode, Reason, State
from tests.support.accounts.account_setups import SHELLS, shell_wish
from tests.support.accounts.accounts import Accounts, accounts, found, needs_accounts
from tests.support.accounts.rigs import MODES, patient_rig
from tests.support.rig import Rig
from tests.support.targets import Target

pytestmark = [needs_accounts, pytest.mark.anyio]

COMMAND = "printf 'out\\n\\t%s' \"$WORD\"\nprintf 'err' >&2\nif false; then\n  exit 0\nelse\n  exit 7\nfi\n"
WORD = "a 'b' \"c\" $d `e` \\ !f {g} [h] *?~ é\r\ti"
LONG = "# " + "x" * 60_000 + "\n"


@pytest.fixture(scope="module")
def made() -> Iterator[Accounts]:
    present = {name: shell_wish(program) for name, program in SHELLS.items() if found(program)}
    with accounts(present) as made:
        yield made


@pytest.mark.parametrize("mode", MODES)
async def test_each_login_shell_passes_on_every_character_and_the_exit_status(
    made: Accounts, mode: Mode, tmp_path: Path
) -> None:
    async with patient_rig(tmp_path, start_seconds=20.0) as rig:
        ends = {name: _end(rig, account.target, mode) for name, account in made.named.items()}
        found = dict(zip(ends, await asyncio.gather(*ends.values()), strict=True))
    right = (State.FAILED, Reason.EXIT_STATUS, 7, mode, f"out\n\t{WORD}".encode(), b"err")
    assert found == dict.fromkeys(made.named, right)


async def _end(rig: Rig, target: Target, mode: Mode) -> tuple[object, ...]:
    server = await rig.server(target, run_mode=mode)
    row = await rig.ran(server, LONG + COMMAND, env={"WORD": WORD})
    return row.state, row.reason, row.exit_code, row.mode, *await rig.output(row.id)
