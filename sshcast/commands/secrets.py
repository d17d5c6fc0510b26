"""`sshcast secrets rotate`: re-encrypts every secret under a new master key."""

from resolvers import rotation
from resolvers.rotation import RotationProgress
from sshcast import master_keys
from sshcast.app import open_service
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.settings import Settings


async def rotate(settings: Settings) -> int:
    """Begin a rotation, or continue one that was interrupted. Running services pick up the new key by themselves."""
    in_file = settings.secret_key is None
    if not in_file and settings.secret_key_before is None:
        raise CommandFailed(
            "the master key comes from SSHCAST_SECRET_KEY: set the new one there and the one before in "
            "SSHCAST_SECRET_KEY_BEFORE, restart the service, and run this again"
        )
    notes = Notes()
    async with open_service(settings) as service:
        if in_file and len(master_keys.load_key_file(settings.data)) == 1:
            master_keys.add_key(settings.data)
        # Twice: what was sealed with the old key while the first round went on, the second one finds.
        for _ in range(2):
            done = RotationProgress(0, 0)
            async for done in rotation.rewrap(service):
                notes.say(f"{done.seen} rows looked at, {done.sealed} secrets sealed anew", "dim")
        # Last, so that until here a service with either key starts, and one with the old key alone does not from here.
        await rotation.rewrap_check(service)
    if in_file:
        master_keys.drop_old_keys(settings.data)
    notes.say(_format_completion(in_file), "green")
    return 0


def _format_completion(in_file: bool) -> str:
    if in_file:
        return "Done: the old key is gone from the file. Put the new secret.key into your backup."
    return "Done: SSHCAST_SECRET_KEY_BEFORE is no longer needed."
