"""What a command leaves running may write for a second after its end, and then the record says that it does."""

import pytest

from tests.support.local_target import LocalTarget, Runs

pytestmark = pytest.mark.anyio

FOREIGN = {"/proc": "/no-proc"}
# It ends by itself: where there is no /proc, nobody finds it.
WRITES = 'echo up; n=0; while n=$((n + 1)); [ "$n" -lt 80 ] && echo up'
ENDS = {
    "echo up": "-",
    "echo up; (sleep 0.3; echo late) &": "-",
    "echo up; sleep 30 >/dev/null 2>&1 &": "-",
    "echo up; sleep 30 &": "left",
    "echo up; sleep 30 2>/dev/null &": "left",
    "echo up; head -c 60000 /dev/zero; sleep 30 &": "left",
    f"{WRITES}; do sleep 0.05; done &": "cut",
    f"{WRITES} >&2; do sleep 0.05; done &": "cut",
}


@pytest.mark.parametrize("texts", [{}, FOREIGN], ids=["linux", "foreign"])
@pytest.mark.parametrize("command", ENDS)
async def test_the_record_says_what_was_left_at_the_end(
    runs: Runs, local: LocalTarget, texts: dict[str, str], command: str
) -> None:
    local.texts = texts
    run = runs(f"{command}\nexit 4")
    attachment = await run.ran()
    record = attachment.stream.record
    assert record is not None
    assert (record.status, record.why) == (4, ENDS[command])
    assert run.out[:3] == b"up\n" or b"cut" in ENDS[command].encode()
    await attachment.finish()
