"""`sshcast audit verify`: checks the audit's whole hash chain."""

import re

from resolvers import audit
from resolvers.audit import ChainProgress
from sshcast.app import open_service
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.settings import Settings

HASH = re.compile(r"[0-9a-f]{64}\Z")


async def verify(settings: Settings, head: str | None) -> int:
    """Print the newest event's id and hash; raise CommandFailed if the chain is broken or does not contain `head`.

    Without a hash that was kept elsewhere, nobody can tell that the newest events were removed.
    """
    if head is not None and not HASH.match(head):
        raise CommandFailed("--head takes the 64 hexadecimal digits that an earlier `sshcast audit verify` printed")
    notes = Notes()
    async with open_service(settings) as service:
        walk = ChainProgress()
        async for walk in audit.verify_chain(service, head):
            notes.say(f"{walk.id} events looked at", "dim")
    if walk.broken is not None:
        raise CommandFailed(f"the audit is broken at event {walk.broken}: it, or what came before it, was changed")
    if head is not None and not walk.met:
        raise CommandFailed(f"the audit has no event with the hash {head}: its newest events were taken away")
    print(f"{walk.id} {walk.hash}")
    return 0
