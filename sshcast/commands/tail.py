"""`sshcast tail`: shows an execution's output."""

from dataclasses import dataclass

from resolvers import output, output_slices
from sshcast import tail as tails
from sshcast.app import open_service
from sshcast.commands import local
from sshcast.notes import Notes
from sshcast.settings import Settings


@dataclass(frozen=True, slots=True)
class TailOptions:
    """The options of `sshcast tail`: the cursor to start after, or the number of lines from the end to start with, the
    user to act for, whether output goes to a terminal unchanged, and whether to leave out notes.
    """

    after: str | None
    lines: int | None
    run_as: str | None
    raw: bool
    quiet: bool


async def tail(settings: Settings, execution_id: int, options: TailOptions) -> int:
    async with open_service(settings) as service:
        ctx = await local.load_context(service, options.run_as)
        after = await output_slices.find_start(ctx, execution_id, options.after, options.lines, field="lines")
        decoders = await output.load_decoders(ctx, execution_id, after)
        display = tails.Display(raw=options.raw, notes=Notes(quiet=options.quiet), decoders=decoders)
        return await tails.follow(output.follow(ctx, execution_id, after), display)
