"""What `find` looks at, and whether its tests leave most of it out."""

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
    """The directories of which the tests before what deletes leave out little. Where the system lies age alone does."""
    applied = list(_list_tests(_find_deleting_part(args)))
    named = any(test in NAMES and placeholders.restore_wildcards(value).strip("*./") for test, value in applied)
    aged = any(test in AGE for test, _ in applied)
    found = () if named else dict.fromkeys(start.rstrip("/") or "/" for start in _list_starts(args) if start)
    return tuple(start for start in found if not aged or start in STRICT)


def _find_deleting_part(args: tuple[str, ...]) -> tuple[str, ...]:
    """The part between `-o`s that holds the deletion."""
    parts: list[list[str]] = [[]]
    for word in args:
        if word in ("-o", "-or", ","):
            parts.append([])
        else:
            parts[-1].append(word)
    return next((tuple(part) for part in parts if DELETIONS & set(part)), args)


def _list_tests(args: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each word and what follows it, without what is negated."""
    before = ""
    for word, value in zip(args, (*args[1:], ""), strict=False):
        if before not in ("!", "-not"):
            yield word, value
        before = word


def _list_starts(args: tuple[str, ...]) -> tuple[str, ...]:
    """The directories in which `find` looks; it refuses an empty name."""
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
    """The paths that it finds, with a mark: any path there, or some that its tests picked."""
    unnarrowed = frozenset(find_unnarrowed(args))
    name = next((value for test, value in pairwise(args) if test == "-name" and LITERAL.fullmatch(value)), "")
    found = dict.fromkeys(start.rstrip("/") for start in _list_starts(args) if start)
    return tuple(f"{start}/{_choose_last_name(start, name, unnarrowed)}" for start in found)


def _choose_last_name(start: str, name: str, unnarrowed: frozenset[str]) -> str:
    """The name of what is found below: a mark, but where one name of the system is looked for."""
    if (start or "/") in unnarrowed:
        return placeholders.FOUND
    return name if name and SYSTEM.match(start) else placeholders.OUTPUT
