"""How many files and sockets this process may have open."""

import resource
from contextlib import suppress

MOST = 65_536


def raise_descriptor_limit() -> int:
    """Raise the soft limit as far as the hard one allows, up to MOST. Return the limit.

    The usual soft limit is 1,024, which a fleet run on as many servers reaches with its connections alone.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # a sandbox may forbid it: then the limit stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
