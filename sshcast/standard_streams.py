"""The standard streams: opened if they were closed, and checked for unread input and lost readers."""

import array
import fcntl
import os
import select
import stat
import sys
import termios
from collections.abc import Sequence
from typing import IO, Any

from sshcast.errors import CommandFailed

STDIN, STDOUT, STDERR = 0, 1, 2
Outputs = Sequence[IO[Any]]


def ensure_open() -> None:
    """Open closed streams (`>&-`) on /dev/null: otherwise the next file that is opened would get the output."""
    for number, name, mode in ((STDIN, "stdin", "r"), (STDOUT, "stdout", "w"), (STDERR, "stderr", "w")):
        if not _is_open(number):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def has_unread() -> bool:
    """Tell whether bytes wait on standard input, in a pipe, a socket or a file. Reads nothing and never waits."""
    try:
        number = sys.stdin.fileno()
        mode = os.fstat(number).st_mode
        if stat.S_ISREG(mode):
            return os.lseek(number, 0, os.SEEK_CUR) < os.fstat(number).st_size
        return (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and _waiting(number) > 0
    except (OSError, ValueError):  # not a file of the system, or one that cannot be asked
        return False


def _waiting(number: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(number, termios.FIONREAD, count)
    return count[0]


def read_all(limit: int) -> bytes:
    """Return all of standard input, but at most one byte more than `limit`, which shows that it is too long."""
    return sys.stdin.buffer.read(limit + 1)


def read_first_line() -> str:
    """Return the first line of standard input, without its line end."""
    try:
        return sys.stdin.buffer.readline().rstrip(b"\r\n").decode()
    except UnicodeDecodeError as error:
        raise CommandFailed("the first line of standard input is not UTF-8: give it in UTF-8") from error


def are_unread(outputs: Outputs) -> bool:
    """Tell whether the reader of one of them is gone. A pipe without a reader shows an error before any write."""
    poll = select.poll()
    try:
        for stream in outputs:
            poll.register(stream.fileno(), 0)
    except (OSError, ValueError):  # not a file of the system
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def flush(outputs: Outputs) -> OSError | None:
    """Write what is buffered; return the error if that failed."""
    lost = None
    for stream in outputs:
        try:
            stream.flush()
        except OSError as error:
            lost = error
    return lost


def discard(outputs: Outputs) -> None:
    """Redirect them to /dev/null, for what could not be written: Python flushes them once more at exit."""
    for stream in outputs:
        if flush((stream,)) is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
