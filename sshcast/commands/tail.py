"""`sshcast tail`."""

from rich.console import Console

from resolvers import output
from sshcast import tail as tails
from sshcast.app import opened
from sshcast.commands import local
from sshcast.settings import Settings


async def tail(settings: Settings, execution_id: int, after: str | None, *, run_as: str | None, raw: bool) -> int:
    async with opened(settings) as service:
        ctx = await local.viewer(service, run_as)
        shown = tails.Tail(raw=raw, notes=Console(stderr=True))
        return await tails.follow(output.follow(ctx, execution_id, after), shown)
