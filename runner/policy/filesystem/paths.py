"""Paths as the kernel would find them."""

import re
from functools import lru_cache

from runner.policy import placeholders

HOME_PATH = "/home/" + placeholders.HOME
"""The home directory of the user that runs the command."""
THROUGH = re.compile(r"/proc/(?:self|thread-self|\d+)/(?:root|cwd)(?=/|\Z)")
USERS_HOME = re.compile(f"/(?:home|Users)/{placeholders.USER}(?=/|\\Z)")
LONGEST_PATH = 4096
"""Of a longer one the kernel says that it is too long."""


@lru_cache(maxsize=1024)
def resolve_path(path: str, cwd: str) -> str:
    """The absolute path, without `.`, `..` and doubled slashes; it begins with a mark if where it starts is not known.

    An empty path is none. A home directory is `/home/` and the mark HOME.
    """
    if not path or len(path) > LONGEST_PATH:
        return ""
    if path.startswith(placeholders.HOME):
        path = HOME_PATH + path[1:]
    elif not path.startswith("/"):
        folder = HOME_PATH + cwd[1:] if cwd.startswith(placeholders.HOME) else cwd
        path = path if placeholders.TEXT.match(path) else f"{folder}/{path}"
    start = "" if path.startswith("/") else placeholders.UNKNOWN
    parts: list[str] = []
    for part in path.split("/")[len(start) :]:
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return _follow_proc_links(start + "/" + "/".join(parts))


def _follow_proc_links(path: str) -> str:
    """Through the links of /proc to the root; the home of `$USER` is the home directory."""
    found = THROUGH.match(path)
    path = path[found.end() :] or "/" if found else path
    return USERS_HOME.sub(HOME_PATH, path)
