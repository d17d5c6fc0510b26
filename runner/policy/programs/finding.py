"""What `find` looks at, and whether its tests leave most of it out."""

from collections.abc import Iterator
from itertools import pairwise

from runner.policy import marks
from runner.policy.tables import words

AGE = words("-mtime -mmin -atime -amin -ctime -cmin -newer -size -user -group -empty -perm -nouser -nogroup -newermt")
NAMES = words("-name -iname -path -ipath -wholename -regex -iregex -inum -lname -samefile")
DESTROYERS = words("rm unlink shred rmdir")
DELETIONS = words("-delete -exec -execdir -ok -okdir")
STRICT = words("/ /etc /usr /bin /sbin /lib /lib64 /boot /root /usr/bin /usr/lib /usr/sbin /var/lib /dev")


def is_narrow(args: tuple[str, ...], start: str) -> bool:
    """Whether the tests before what deletes leave out most files. Age alone does not where the system itself lies."""
    return any(narrows(test, value, start) for test, value in tests(deciding(args)))


def deciding(args: tuple[str, ...]) -> tuple[str, ...]:
    """The part between `-o`s that holds the deletion."""
    parts: list[list[str]] = [[]]
    for word in args:
        if word in ("-o", "-or", ","):
            parts.append([])
        else:
            parts[-1].append(word)
    return next((tuple(part) for part in parts if DELETIONS & set(part)), args)


def tests(args: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each word and what follows it, without what is negated."""
    before = ""
    for word, value in zip(args, (*args[1:], ""), strict=False):
        if before not in ("!", "-not"):
            yield word, value
        before = word


def narrows(test: str, value: str, start: str) -> bool:
    if test in NAMES:
        return bool(marks.plain(value).strip("*./"))
    return test in AGE and start not in STRICT


def starts(args: tuple[str, ...]) -> tuple[str, ...]:
    """The directories in which `find` looks."""
    end = next((place for place, word in enumerate(args) if is_test(word)), len(args))
    return tuple(word for word in args[:end] if not word.startswith("-")) or (".",)


def is_test(word: str) -> bool:
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


def places(args: tuple[str, ...]) -> tuple[str, ...]:
    """The paths that it finds, with a mark: any path there, or some that its tests picked."""
    found = []
    for start in starts(args):
        mark = marks.OUTPUT if is_narrow(args, start.rstrip("/") or "/") else marks.FOUND
        found.append(start.rstrip("/") + "/" + mark)
    return tuple(found)
