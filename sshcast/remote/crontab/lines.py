"""Reads the lines of a crontab: each with the variables that hold for it, or with why it does not become a task."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sshcast.remote.crontab.fields import check_fields, check_nickname
from sshcast.remote.crontab.percent import split_command
from sshcast.remote.crontab.variables import parse_variable
from sshcast.remote.crontab.words import Cron, NotImported
from sshcast.words import choose

BLANKS = re.compile(r"[ \t]+")
# A longer one is cut by Vixie cron, without a word (MAX_COMMAND).
LONGEST_COMMAND = 998
# The label of a file that was given with `--file --system`: which of the system's it is, nobody said.
SYSTEM_FILE = "a file of the system"


@dataclass(frozen=True, slots=True)
class Origin:
    """A crontab: `label` says which. `user`: whose it is; None if its lines name their users."""

    label: str
    user: str | None = None
    cron: Cron = Cron.UNKNOWN

    @property
    def is_system(self) -> bool:
        return self.user is None


@dataclass(slots=True)
class Line:
    """A line that would run a command. `text` and `command` are as they are written; `fault`: why it is no task.

    `variables`: those that are set above it. `is_broken`: cron does not run it either.
    """

    origin: Origin
    number: int
    text: str
    schedule: str = ""
    user: str | None = None
    command: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    is_broken: bool = False

    @property
    def digest(self) -> str:
        """The line's identity: it stays if blanks between the fields, or lines around it, change."""
        return digest_text(f"{self.schedule}\n{self.user}\n{self.command}")

    @property
    def command_digest(self) -> str:
        return digest_text(f"{self.user}\n{self.command}")

    def fail(self, error: NotImported) -> None:
        self.fault, self.is_broken = str(error), error.is_broken


def digest_text(text: str, digits: int = 12) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:digits]


def read_lines(data: bytes, origin: Origin) -> list[Line]:
    """Return the lines of a crontab that run commands, and those that nobody can read."""
    found = list(_read(data, origin))
    broken = next((line for line in found if line.is_broken), None)
    has_no_end = bool(data) and not data.endswith(b"\n") and not _is_idle(data.rpartition(b"\n")[2])
    if has_no_end and origin.cron is Cron.CRONIE:
        found[-1:] = [_fail_unended(line) for line in found[-1:]]
    elif has_no_end:
        found = [_fail_unended(line) for line in found]
    elif broken is not None and origin.cron is Cron.VIXIE:
        found = [line if line.fault else _fail_with_file(line, broken) for line in found]
    return found


def _fail_unended(line: Line) -> Line:
    english = "the last line has no line end: cron ignores it, or all of the file: add one"
    return _fail(line, choose(english, "最后一行没有换行符：cron 会忽略该行或整个文件：请补上换行符"))


def _fail_with_file(line: Line, broken: Line) -> Line:
    english = f"this cron ignores the whole file, for its line {broken.number}"
    return _fail(line, choose(english, f"由于第 {broken.number} 行，这种 cron 会忽略整个文件"))


def _fail(line: Line, reason: str) -> Line:
    line.fail(NotImported(reason, is_broken=True))
    return line


def _is_idle(line: bytes) -> bool:
    """Tell whether it is empty or a comment."""
    return not line.lstrip(b" \t") or line.lstrip(b" \t").startswith(b"#")


def _read(data: bytes, origin: Origin) -> Iterator[Line]:
    variables: dict[str, str] = {}
    for number, raw in enumerate(data.split(b"\n"), 1):
        if _is_idle(raw):
            continue
        text = raw.decode(errors="surrogateescape")
        variable = None if "\r" in text or "\0" in text else parse_variable(text, origin.cron)
        if variable is not None:
            variables[variable[0]] = variable[1]
            continue
        line = Line(origin, number, text, variables=dict(variables))
        try:
            _fill(line, text.lstrip(" \t"))
            _check(line, raw)
        except NotImported as error:
            line.fail(error)
        yield line


def _fill(line: Line, text: str) -> None:
    """Take the line apart: `-` (cronie: not in its log), fields or a nickname, user, command."""
    text = text[1:] if line.origin.cron is Cron.CRONIE and text.startswith("-") else text
    number = 1 if text.startswith("@") else 5
    words = BLANKS.split(text, maxsplit=number + line.origin.is_system)
    line.schedule, rest = " ".join(words[:number]), words[number:]
    if line.origin.is_system and rest:
        line.user, rest = rest[0], rest[1:]
    elif not line.origin.is_system:
        line.user = line.origin.user
    line.command = rest[0].rstrip(" \t\r") if rest else ""


def _check(line: Line, raw: bytes) -> None:
    """Raise NotImported for what cron refuses, or what a task cannot be."""
    if b"\0" in raw:
        raise NotImported(choose("it has a NUL byte", "该行含有 NUL 字节"))
    if b"\r" in raw:
        if not line.command and not line.schedule.strip():
            english = "it has nothing but a CR, which cron refuses"
            raise NotImported(choose(english, "该行只有 CR，cron 会拒绝"), is_broken=True)
        english = "it ends with CR LF, and cron passes the CR to the command: write the file with LF alone"
        raise NotImported(choose(english, "该行以 CR LF 结尾，cron 会把 CR 传给命令：请只用 LF 换行"))
    try:
        raw.decode()
    except UnicodeDecodeError:
        english = "it is not UTF-8 text, as the commands of tasks must be"
        raise NotImported(choose(english, "该行不是 UTF-8 文本，而任务的命令必须是")) from None
    words = line.schedule.split(" ")
    if line.schedule.startswith("@"):
        check_nickname(line.schedule)
    elif len(words) == 5:
        check_fields(tuple(words), line.origin.cron)
    if not line.command:
        raise NotImported(choose("it has no command after the schedule", "计划之后没有命令"))
    if len(raw) > LONGEST_COMMAND and line.origin.cron is not Cron.CRONIE:
        english = f"it has more than {LONGEST_COMMAND} bytes, where Vixie cron may cut it off"
        raise NotImported(choose(english, f"该行超过 {LONGEST_COMMAND} 字节，Vixie cron 可能将其截断"))
    if split_command(line.command)[0].lstrip().startswith("#"):
        raise NotImported(choose("its command is a comment to the shell", "其命令对 shell 来说是注释"))
