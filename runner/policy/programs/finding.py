"""What `find` looks at, and whether its tests leave most of it out."""

from itertools import pairwise

from runner.policy import marks
from runner.policy.tables import words

AGE = words("-mtime -mmin -atime -amin -ctime -cmin -newer -size -user -group -empty -perm -nouser -nogroup -newermt")
NAMES = words("-name -iname -path -ipath -wholename -regex -iregex -inum -lname -samefile")
DESTROYERS = words("rm unlink shred rmdir")
STRICT = words("/ /etc /usr /bin /sbin /lib /lib64 /boot /root /usr/bin /usr/lib /usr/sbin /var/lib /dev")


def is_narrow(words: tuple[str, ...], start: str) -> bool:
    """Whether a test leaves out most files. Age alone does not where the system itself lies."""
    for place, word in enumerate(words):
        value = words[place + 1] if place + 1 < len(words) else ""
        if word in NAMES and marks.plain(value).strip("*./"):
            return True
        if word in AGE and start not in STRICT:
            return True
    return False


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
