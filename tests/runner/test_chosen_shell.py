"""The shell that a first line chose reads the command on a real target, in both modes, and nothing else does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db.store import Store
from db.values import Mode, Reason, State
from resolvers import validation
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, running_sshd

pytestmark = pytest.mark.anyio

WHO = 'printf %s "${BASH_VERSION:+bash}${KSH_VERSION:+ksh}"; readlink /proc/$$/exe'


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as started:
        yield started


@pytest.fixture(params=[Mode.DURABLE, Mode.ATTACHED])
async def server(request: pytest.FixtureRequest, rig: Rig, openssh: Target) -> int:
    return await rig.server(openssh, run_mode=request.param)


async def told(rig: Rig, server: int, command: str, **changes: object) -> tuple[str, str, int | None]:
    """What it printed to each stream, and its exit status."""
    row = await rig.ran(server, command, shell=validation.find_shell(command), **changes)
    assert row.reason == Reason.EXIT_STATUS, row.message
    out, err = await rig.output(row.id)
    return out.decode(), err.decode(), row.exit_code


@pytest.mark.parametrize(
    "line", ["#!/bin/bash", "#!/usr/bin/bash -u", "#!/usr/bin/env bash", "#!/bin/bash -euo pipefail"]
)
async def test_bash_reads_what_is_written_for_it(rig: Rig, server: int, line: str) -> None:
    out, _, status = await told(rig, server, f"{line}\n{WHO}\n[[ a == a* ]] && x=(1 2) && echo ${{#x[@]}}")
    assert (out.startswith("bash/"), out.endswith("\n2\n"), status) == (True, True, 0)


@pytest.mark.parametrize("line", ["#!/bin/dash", "#!/usr/bin/env dash -e", "#!/bin/ksh"])
async def test_other_shells_read_theirs(rig: Rig, server: int, line: str) -> None:
    out, _, status = await told(rig, server, f"{line}\n{WHO}")
    assert ("dash" in out or "ksh" in out, "bash" in out, status) == (True, False, 0)


async def test_without_a_choice_it_is_sh_as_ever_whatever_the_text_says(rig: Rig, server: int) -> None:
    row = await rig.ran(server, f"#!/bin/ksh\n{WHO}")
    assert b"ksh" not in (await rig.output(row.id))[0]


@pytest.mark.parametrize("mode", [Mode.DURABLE, Mode.ATTACHED])
@pytest.mark.parametrize("line", ["#!/bin/bash", "#!/usr/bin/env bash -e"])
async def test_no_login_file_is_read_by_the_chosen_shell(rig: Rig, tmp_path: Path, mode: Mode, line: str) -> None:
    with running_sshd(tmp_path) as target:
        (tmp_path / "home" / ".bashrc").write_text('case $BASH_EXECUTION_STRING in *"echo ran"*) exit 0 ;; esac\n')
        server = await rig.server(target, run_mode=mode, name="with login files")
        assert await told(rig, server, f"{line}\necho ran") == ("ran\n", "", 0)


async def test_the_options_of_the_line_hold(rig: Rig, server: int) -> None:
    assert (await told(rig, server, "#!/bin/bash -e\nfalse\necho on"))[::2] == ("", 1)
    assert (await told(rig, server, "#!/bin/bash -u\necho $not_set\necho on"))[0] == ""
    assert (await told(rig, server, "#!/bin/bash -eo pipefail\nfalse | true\necho on"))[::2] == ("", 1)
    out, err, _ = await told(rig, server, "#!/bin/sh -x\necho on")
    assert (out, "+ echo on" in err) == ("on\n", True)


async def test_the_folder_is_the_chosen_shells_too(rig: Rig, server: int) -> None:
    assert await told(rig, server, "#!/bin/bash -eu\npwd", working_dir="/usr") == ("/usr\n", "", 0)


async def test_a_shell_that_is_not_there_ends_with_127(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "echo on", shell="/bin/no-such-shell -e")
    assert (row.state, row.exit_code) == (State.FAILED, 127)
    assert b"no-such-shell" in (await rig.output(row.id))[1]


async def test_no_variable_of_the_command_takes_the_place_of_one_of_ours(rig: Rig, server: int) -> None:
    names = ("script", "argv", "session", "id", "p", "nonce", "exports", "cap", "boot", "x", "child")
    env = dict.fromkeys(names, "echo taken")
    out, _, status = await told(rig, server, 'echo ran; printf \'%s|\' "$script" "$id" "$p"', env=env)
    assert (out, status) == ("ran\n" + "echo taken|" * 3, 0)
    marked, _, _ = await told(rig, server, 'printf "%s" "$SSHCAST_SPOOL"', env=env)
    assert "taken" not in marked
    assert marked.endswith(".")
