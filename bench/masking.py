"""What it costs to hide secrets in output: `python -m bench.masking`.

1. MB/s of CPU through a run's buffer, as the writer takes it, with no secret and with more and more of them, in turns.
2. Milliseconds to make what finds them, which runs with the same secrets share.
"""

import asyncio
import base64
import random
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from db.values import Stream
from runner.output.buffer import MemoryBudget, OutputBuffer
from runner.output.matcher import SecretMatcher
from runner.secrets.secret import Secret

ROUNDS = 7
PIECE = 32_768
SIZE = 4 * 1024 * 1024
COUNTS = (1, 5, 20, 100)
LENGTHS = (6, 12, 24, 64)


def text(rng: random.Random) -> bytes:
    """Lines of words, as logs have them."""
    words = ["".join(rng.choices("etaoinshrdlucmfwypvbgkjqxz", k=rng.randint(2, 9))) for _ in range(3000)]
    line = (f"{rng.choice(words)}={rng.random():.4f} {' '.join(rng.choices(words, k=9))}\n" for _ in range(70_000))
    return "".join(line).encode()[:SIZE]


def secrets(count: int, length: int, rng: random.Random) -> list[Secret]:
    return [Secret(base64.b64encode(rng.randbytes(length))[:length].decode()) for _ in range(count)]


def with_hits(plain: bytes, hidden: list[Secret]) -> bytes:
    """A secret in each 10 KB."""
    parts = (plain[at : at + 10_000] for at in range(0, len(plain), 10_000))
    return b"".join(part + hidden[n % len(hidden)].reveal().encode() for n, part in enumerate(parts))


def passed(data: bytes, matcher: SecretMatcher | None) -> float:
    """Seconds of CPU to take all of it through a buffer."""
    start = datetime.now(UTC)
    buffer = OutputBuffer(
        execution_id=1,
        fence=1,
        limit=len(data),
        clock=lambda: start,
        offsets=dict.fromkeys(Stream, 0),
        budget=MemoryBudget(),
        wake=lambda buffer: None,
    )
    buffer.start_masking(matcher)
    began = time.process_time()
    for at in range(0, len(data), PIECE):
        buffer.write("stdout", data[at : at + PIECE])
        buffer.take(PIECE)
        buffer.acknowledge(stale=False)
    return time.process_time() - began


def speeds(data: bytes, matchers: dict[str, SecretMatcher | None]) -> Iterator[tuple[str, float]]:
    """MB/s of each, the median of rounds in which they take turns."""
    taken: dict[str, list[float]] = {name: [] for name in matchers}
    for _ in range(ROUNDS):
        for name, matcher in matchers.items():
            taken[name].append(passed(data, matcher))
    for name, seconds in taken.items():
        yield name, len(data) / statistics.median(seconds) / 1e6


def report(title: str, data: bytes, matchers: dict[str, SecretMatcher | None]) -> None:
    print(f"## {title}")
    found = dict(speeds(data, {"no secret": None, **matchers}))
    for name, speed in found.items():
        print(f"{name:>28}: {speed:7.0f} MB/s, {found['no secret'] / speed:5.1f} times the CPU of no secret")


def made(hidden: list[Secret]) -> tuple[SecretMatcher, float]:
    began = time.process_time()
    matcher = SecretMatcher(hidden)
    return matcher, (time.process_time() - began) * 1000


async def main() -> None:
    rng = random.Random(1)
    plain = text(rng)
    for length in LENGTHS:
        matchers, costs = {}, []
        for count in COUNTS:
            matchers[f"{count} of {length} characters"], cost = made(secrets(count, length, rng))
            costs.append(f"{count}: {cost:.1f} ms")
        report(f"secrets of {length} characters (made in {', '.join(costs)})", plain, dict(matchers))
    hidden = secrets(20, 24, rng)
    report("20 of 24 characters, one in each 10 KB", with_hits(plain, hidden), {"20, found": SecretMatcher(hidden)})


if __name__ == "__main__":
    asyncio.run(main())
