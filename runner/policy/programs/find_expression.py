"""The starting directories of `find`, and whether its tests narrow them down."""

import re
from collections.abc import Iterator
from itertools import pairwise

from runner.policy import placeholders
from runner.policy.tables import split_names

AGE = split_names(
    "-mtime -mmin -atime -amin -ctime -cmin -newer -size -user -group -empty -perm -nouser -nogroup -newermt"
)
NAMES = split_names("-name -iname -path -ipath -wholename -regex -iregex -inum -lname -samefile")
DESTROYERS = split_names("rm unlink shred rmdir")
DELETIONS = split_names("-delete -exec -execdir -ok -okdir")
LITERAL = re.compile(r"[\w.+-]+")
SYSTEM = re.compile(r"/(?:etc|usr|bin|sbin|boot|dev|proc)(?=/|\Z)")
STRICT = split_names("/ /etc /usr /bin /sbin /lib /lib64 /boot /root /usr/bin /usr/lib /usr/sbin /var/lib /dev")


def find_unnarrowed(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the starting directories that the tests before a deletion barely narrow down.

    A test of the name narrows down any directory; a test of age does so only outside the system's directories.
    """
    applied = list(_list_tests(_find_deleting_part(args)))
    named = any(test in NAMES and placeholders.restore_wildcards(value).strip("*./") for test, value in applied)
    aged = any(test in AGE for test, _ in applied)
    found = () if named else dict.fromkeys(start.rstrip("/") or "/" for start in _list_starts(args) if start)
    return tuple(start for start in found if not aged or start in STRICT)


def _find_deleting_part(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the part between `-o` operators that holds the deletion."""
    parts: list[list[str]] = [[]]
    for word in args:
        if word in ("-o", "-or", ","):
            parts.append([])
        else:
            parts[-1].append(word)
    return next((tuple(part) for part in parts if DELETIONS & set(part)), args)


def _list_tests(args: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each word and the one after it, except negated ones."""
    before = ""
    for word, value in zip(args, (*args[1:], ""), strict=False):
        if before not in ("!", "-not"):
            yield word, value
        before = word


def _list_starts(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the starting directories; `find` itself refuses an empty name."""
    end = next((place for place, word in enumerate(args) if _is_test(word)), len(args))
    return tuple(word for word in args[:end] if not word.startswith("-")) or (".",)


def _is_test(word: str) -> bool:
    return word in ("(", "!") or (
        word.startswith("-") and word not in ("-L", "-H", "-P") and not word.startswith(("-O", "-D"))
    )


def deletes(args: tuple[str, ...]) -> bool:
    if "-delete" in args:
        return True
    return any(
        word in ("-exec", "-execdir", "-ok", "-okdir") and following.rsplit("/", 1)[-1] in DESTROYERS
        for word, following in pairwise(args)
    )


def list_found_paths(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths that `find` may print, with a placeholder as last name: any path there, or some of them."""
    unnarrowed = frozenset(find_unnarrowed(args))
    name = next((value for test, value in pairwise(args) if test == "-name" and LITERAL.fullmatch(value)), "")
    found = dict.fromkeys(start.rstrip("/") for start in _list_starts(args) if start)
    return tuple(f"{start}/{_choose_last_name(start, name, unnarrowed)}" for start in found)


def _choose_last_name(start: str, name: str, unnarrowed: frozenset[str]) -> str:
    """Return the last name of a path that `find` may print: a placeholder, or a literal name in a system directory."""
    if (start or "/") in unnarrowed:
        return placeholders.FOUND
    return name if name and SYSTEM.match(start) else placeholders.OUTPUT
