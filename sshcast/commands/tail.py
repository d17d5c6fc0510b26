"""`sshcast tail`: shows an execution's output."""

from dataclasses import dataclass

from resolvers import output
from sshcast import tail as tails
from sshcast.app import open_service
from sshcast.commands import local
from sshcast.notes import Notes
from sshcast.settings import Settings


@dataclass(frozen=True, slots=True)
class TailOptions:
    """The options of `sshcast tail`: the cursor to start after, the user to act for, whether output goes to a terminal
    unchanged, and whether to leave out notes.
    """

    after: str | None
    run_as: str | None
    raw: bool
    quiet: bool


async def tail(settings: Settings, execution_id: int, options: TailOptions) -> int:
    async with open_service(settings) as service:
        ctx = await local.load_context(service, options.run_as)
        display = tails.Display(raw=options.raw, notes=Notes(quiet=options.quiet))
        return await tails.follow(output.follow(ctx, execution_id, options.after), display)
