"""Chains of real SSH servers: the first is reached directly, and each other one through the one before."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from db.store import Store
from runner.execution.endpoint import MOST_TUNNELS
from runner.ssh.protocol import Endpoint
from tests.support import runs
from tests.support.targets import Target, running_sshd


@contextmanager
def running_chain(folder: Path, hops: int, *lines: str) -> Iterator[list[Target]]:
    """So many OpenSSH jump servers with configuration `lines`, and as the last one a target; nearest to us first."""
    with ExitStack() as stack:
        found = []
        for number in range(hops + 1):
            own = folder / f"sshd-{number}"
            own.mkdir()
            found.append(stack.enter_context(running_sshd(own, *(lines if number < hops else ()))))
        yield found


def build_chain(targets: Sequence[Target], **changes: Any) -> Endpoint:
    """The endpoint of the last target, through the others; `changes` are of the last endpoint."""
    jump: Endpoint | None = None
    for number, target in enumerate(targets[:-1], start=1):
        jump = target.endpoint(server_id=number, name=f"hop-{number}", max_channels=MOST_TUNNELS, jump=jump)
    return targets[-1].endpoint(**{"server_id": len(targets), "jump": jump} | changes)


def change_hop(endpoint: Endpoint, server_id: int, **changes: Any) -> Endpoint:
    """The endpoint with fields of one of its jump servers changed."""
    if endpoint.server_id == server_id:
        return replace(endpoint, **changes)
    assert endpoint.jump is not None
    return replace(endpoint, jump=change_hop(endpoint.jump, server_id, **changes))


async def store_chain(store: Store, targets: Sequence[Target], **changes: Any) -> list[int]:
    """The ids of servers for these targets, each behind the one before; `changes` are of the last one."""
    ids: list[int] = []
    for number, target in enumerate(targets, start=1):
        values: dict[str, Any] = {"name": f"hop-{number}", "jump_server_id": ids[-1] if ids else None}
        ids.append(await runs.server(store, target, **values | (changes if number == len(targets) else {})))
    return ids


def count_sign_ins(target: Target) -> int:
    """How many times somebody has signed in to the server, by its log."""
    return (target.folder / "log").read_text().count("Accepted ")
