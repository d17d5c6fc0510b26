"""Accounts as people have them, on real OpenSSH: each run gets a true end, and soon, whatever the account is like."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.models import TaskExecution
from db.values import Mode, Reason, State
from tests.support.accounts.account_setups import SETUPS, Setup
from tests.support.accounts.accounts import Account, Accounts, accounts, needs_accounts
from tests.support.accounts.rigs import MODES, patient_rig
from tests.support.rig import FINAL, Rig

# Of login files there are many: two of three are tried among the slow tests.
LOGIN_FILES = [name for name in SETUPS if name.startswith(".")]
RARE = set(LOGIN_FILES) - set(LOGIN_FILES[::3])
COMMON = [name for name in SETUPS if name not in RARE]
# Of the others the default run tries every fourth, and one of each end that there is.
SAMPLE = {*COMMON[::4], *{SETUPS[name].ends: name for name in COMMON}.values()}
MARKS = dict.fromkeys(RARE, pytest.mark.faults) | {name: pytest.mark.thorough for name in COMMON if name not in SAMPLE}
NAMES = [pytest.param(name, marks=MARKS.get(name, ())) for name in SETUPS]
# All accounts are tried for the first test that asks for one.
pytestmark = [needs_accounts, pytest.mark.timeout(400)]

START_SECONDS = 5.0
END_SECONDS = 60.0
GREETING = 'it\'s "quoted" \\ $HOME `tick` !bang 日本\nand a second line'
TEXT = "héllo 'single' \"double\" `tick` $HOME \\ !bang %s 日本\n\n  a third line\n"
BRANCH = """\
if [ "$GREETING" = wrong ]; then
    echo wrong
else
    {text}
fi
pwd
echo err >&2
echo ran >>"$TRACE"
exit {status}
"""
HERE_DOCUMENT = f"cat <<'END'\n{TEXT}END"
PLAIN = "printf '%s' \"$TEXT\""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has had its time. `row` is None where it found no end. `times`: how often the command did run."""

    row: TaskExecution | None
    stdout: bytes
    stderr: bytes
    times: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an account: its runs, what programs in the shell's place heard, and what still runs of it."""

    runs: Mapping[Mode, Ran]
    heard: bytes
    left: list[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """Tries each account in both modes at once; those that take their time do so beside the others."""

    rig: Rig
    work: Path
    waiting: asyncio.Semaphore
    busy: asyncio.Semaphore

    async def try_setup(self, setup: Setup, account: Account) -> Tried:
        async with self.waiting if setup.ends in ("silent", "honest") else self.busy:
            ran = await asyncio.gather(*(self.run(setup, account, mode) for mode in MODES))
        heard = account.home / "heard"
        return Tried(
            dict(zip(MODES, ran, strict=True)),
            heard.read_bytes() if heard.exists() else b"",
            await asyncio.to_thread(account.leftover, of_sshd=False),
        )

    async def run(self, setup: Setup, account: Account, mode: Mode) -> Ran:
        trace = self.work / f"{account.name} {mode}"
        id = await self.rig.pending(
            await self.rig.server(account.target, run_mode=mode),
            BRANCH.format(text=PLAIN if setup.plain else HERE_DOCUMENT, status=7 if setup.ends == "honest" else 0),
            env={"GREETING": GREETING, "TEXT": TEXT, "TRACE": str(trace)},
            working_dir=str(self.work),
            output_limit=5_000_000,
            timeout_seconds=300,
        )
        row = await ended(self.rig, id)
        return Ran(row, *await self.rig.output(id), trace.read_text().count("ran") if trace.exists() else 0)


async def ended(rig: Rig, id: int) -> TaskExecution | None:
    """Its row, if it has come to an end in time."""
    try:
        async with asyncio.timeout(END_SECONDS):
            while (row := await rig.row(id)).state not in FINAL:  # noqa: ASYNC110 - hints may be lost, its row is the truth
                await asyncio.sleep(0.1)
    except TimeoutError:
        return None
    return row


async def try_all(chosen: Mapping[str, Setup], made: Accounts, folder: Path) -> dict[str, Tried]:
    async with patient_rig(folder, start_seconds=START_SECONDS) as rig, asyncio.TaskGroup() as group:
        trial = Trial(rig, made.work, waiting=asyncio.Semaphore(25), busy=asyncio.Semaphore(4))
        tasks = {
            name: group.create_task(trial.try_setup(setup, made.named[name]), name=name)
            for name, setup in chosen.items()
        }
    return {name: task.result() for name, task in tasks.items()}


@pytest.fixture(scope="module")
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tried]:
    """What came of every account that a chosen test asks for, tried at the same time."""
    chosen = {name: SETUPS[name] for name in _asked_for(request.session.items) if SETUPS[name].missing is None}
    with accounts({name: setup.wish for name, setup in chosen.items()}) as made:
        return asyncio.run(try_all(chosen, made, tmp_path_factory.mktemp("accounts")))


def _asked_for(items: Sequence[pytest.Item]) -> list[str]:
    ours = [item for item in items if isinstance(item, pytest.Function) and item.path == Path(__file__)]
    asked = (item.callspec.params.get("name") for item in ours if hasattr(item, "callspec"))
    return list(dict.fromkeys(name for name in asked if isinstance(name, str)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_every_account_gives_a_run_its_true_end(tried: dict[str, Tried], name: str, mode: Mode) -> None:
    setup = SETUPS[name]
    ran = _tried(tried, name).runs[mode]
    assert ran.row is not None, f"no end within {END_SECONDS:g} s"
    if setup.ends == "runs":
        _succeeded(setup, ran, mode)
    elif setup.ends == "honest":
        assert ran.row.state == State.FAILED
        assert ran.times == 0 if ran.row.reason == Reason.START_FAILED else ran.times <= 1
    else:
        _did_not_start(setup, ran)


def _tried(tried: dict[str, Tried], name: str) -> Tried:
    if (missing := SETUPS[name].missing) is not None:
        pytest.skip(missing)
    return tried[name]


def _succeeded(setup: Setup, ran: Ran, mode: Mode) -> None:
    assert ran.row is not None
    assert (ran.row.state, ran.row.exit_code, ran.times) == (State.SUCCESS, 0, 1), ran.row.message
    first, _, folder = ran.stdout.decode().removesuffix("\n").rpartition("\n")
    assert (first + "\n", folder[-len("it's 日本 $HOME") :], ran.stderr) == (TEXT, "it's 日本 $HOME", b"err\n")
    assert setup.plain or ran.row.mode == mode, ran.row.message


def _did_not_start(setup: Setup, ran: Ran) -> None:
    assert ran.row is not None
    state, reason, message = setup.end
    assert (ran.row.state, ran.row.reason, ran.times) == (state, reason, 0), ran.row.message
    assert message in (ran.row.message or "")
    assert setup.prints.encode() in ran.stdout + ran.stderr


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_run_is_left_or_was_told_to_another_program(tried: dict[str, Tried], name: str) -> None:
    """What is left is at most what the account keeps by its own will, where SSH gives nobody a way to end it."""
    setup, came = SETUPS[name], _tried(tried, name)
    assert [line for line in came.left if setup.keeps is None or setup.keeps not in line] == []
    assert came.heard.strip() == b""


def test_there_are_accounts_of_at_least_forty_kinds() -> None:
    assert len(SETUPS) >= 40
    assert {setup.ends for setup in SETUPS.values()} >= {"runs", "told", "silent", "honest"}
