"""What check.sh tells, by each of the shells, and how its lines are read."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from runner.checks.requests import CheckStep
from runner.checks.target_facts import STEPS, FactReader, parse_clock
from runner.remote import program
from tests.support.local_target import LocalTarget, bare_folder

pytestmark = pytest.mark.anyio

NONCE = "0011223344556677"


async def told(target: LocalTarget) -> dict[CheckStep, str]:
    """The facts of a target, in the order in which they came."""
    found: dict[CheckStep, str] = {}
    reader = FactReader(NONCE, found.__setitem__)
    shell = await target.open_shell(on_output=reader.feed)
    async with asyncio.timeout(60):
        await program.run(shell, program.build_check(NONCE, f"check-{NONCE}."))
    assert reader.is_complete
    assert tuple(found) == STEPS
    return found


async def test_each_shell_tells_of_every_step_and_leaves_no_file(local: LocalTarget) -> None:
    if local.path == str(local.bin):
        (local.bin / "date").symlink_to((local.bin / "sh").resolve())  # busybox's own
    facts = await told(local)
    assert facts[CheckStep.FOLDER] == str(local.home / ".sshcast")
    assert facts[CheckStep.SETSID].endswith("/setsid")
    assert facts[CheckStep.PROGRAMS] == ""
    assert parse_clock(facts[CheckStep.CLOCK]) is not None
    assert list((local.home / ".sshcast").iterdir()) == []


@pytest.mark.parametrize("shell", ["dash", "busybox"])
@pytest.mark.parametrize(
    ("without", "lacking"),
    [(("setsid",), ()), (("tail",), ("tail",)), (("rm", "sleep"), ("rm", "sleep"))],
    ids=["setsid", "tail", "rm and sleep"],
)
async def test_what_is_missing_is_named(
    tmp_path: Path, shell: str, without: Collection[str], lacking: Collection[str]
) -> None:
    bin = bare_folder(shell, tmp_path / "bin", without=without)
    (tmp_path / "home").mkdir()
    target = LocalTarget(bin, tmp_path / "home", only=str(bin))
    try:
        facts = await told(target)
    finally:
        await target.close()
    assert facts[CheckStep.PROGRAMS].split() == list(lacking)
    assert (facts[CheckStep.SETSID] == "") is ("setsid" in without)
    assert facts[CheckStep.FOLDER].startswith("-") is ("rm" in without)
    assert facts[CheckStep.CLOCK] == ""  # no `date` in that folder


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1796037952.5", 1796037952.5),
        ("1796037952", 1796037952.0),
        ("1796037952.%N", 1796037952.0),
        ("1796037952.N", 1796037952.0),
        ("1796037952.", 1796037952.0),
        ("%s.%N", None),
        ("", None),
        ("Mon Nov 30", None),
        ("17960379520000000000000", None),
        ("١٧٩٦٠٣٧٩٥٢", None),
    ],
)
def test_the_clock_is_read_in_each_form_that_date_gives(text: str, seconds: float | None) -> None:
    assert parse_clock(text) == seconds


def test_lines_in_pieces_with_noise_between_are_read_and_those_out_of_order_are_not() -> None:
    found: list[tuple[CheckStep, str]] = []
    reader = FactReader(NONCE, lambda step, value: found.append((step, value)))
    sent = (
        f"noise\n{NONCE} clock 1\nother login-shell /bin/no\n"
        f"glued {NONCE} login-shell /bin/\x1b[31mfish\n{NONCE} setsid {'x' * 900}\n"
    ).encode()
    for at in range(0, len(sent), 7):
        reader.feed("stdout", sent[at : at + 7])
        reader.feed("stderr", f"{NONCE} proc \n".encode())
    assert found == [(CheckStep.LOGIN_SHELL, "/bin/ [31mfish"), (CheckStep.SETSID, "x" * 200)]
    assert not reader.is_complete


def test_a_line_without_an_end_is_held_only_in_part() -> None:
    reader = FactReader(NONCE, lambda step, value: None)
    for _ in range(40):
        reader.feed("stdout", b"x" * 10_000)
    assert len(reader._buffer) <= 1 << 16
