"""Resolves paths as the kernel does."""

import re
from functools import lru_cache

from runner.policy import placeholders

HOME_PATH = "/home/" + placeholders.HOME
"""The resolved home directory of the user that runs the command."""
THROUGH = re.compile(r"/proc/(?:self|thread-self|\d+)/(?:root|cwd)(?=/|\Z)")
USERS_HOME = re.compile(f"/(?:home|Users)/{placeholders.USER}(?=/|\\Z)")
LONGEST_PATH = 4096
"""The longest path in characters; the kernel refuses a longer one."""


@lru_cache(maxsize=1024)
def resolve_path(path: str, cwd: str) -> str:
    """Return the absolute path without `.`, `..` and doubled slashes; "" for an empty or overlong path.

    It begins with a placeholder if the directory it starts from is not known. A home directory is `/home/` and the
    placeholder HOME.
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
    """Follow the links of /proc to the root, and replace the home of `$USER` by the home directory."""
    found = THROUGH.match(path)
    path = path[found.end() :] or "/" if found else path
    return USERS_HOME.sub(HOME_PATH, path)
