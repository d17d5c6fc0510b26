"""Says what task a crontab's line becomes, so that it does what cron does; or why there is none that would."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sshcast.remote.crontab.lines import Line, digest_text
from sshcast.remote.crontab.percent import render_script, split_command
from sshcast.remote.crontab.words import Cron, NotImported
from sshcast.words import choose

PATH = "/usr/bin:/bin"
SH = ("/bin/sh", "/usr/bin/sh")
# What cron does not let a crontab set, and what is set elsewhere than among the task's variables.
TAKEN = ("LOGNAME", "PATH", "SHELL")
MARK = re.compile(
    r"^# crontab: (?P<label>.*); line (?P<line>[0-9a-f]{12}); command (?P<command>[0-9a-f]{12}); "
    r"variables (?P<variables>[0-9a-f]{4})$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The comment in a task's command that says which line it comes from."""

    label: str
    line: str
    command: str
    variables: str

    @classmethod
    def find(cls, command: str) -> "Mark | None":
        """Return the mark in a task's command, which is its first line, or its second one after `#!`."""
        found = MARK.search("\n".join(command.split("\n", 2)[:2]))
        return None if found is None else cls(**found.groupdict())

    def render(self) -> str:
        digests = f"line {self.line}; command {self.command}; variables {self.variables}"
        return f"# crontab: {self.label}; {digests}"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a line becomes. `fields`: of CreateTaskInput, but for its name and server."""

    mark: Mark
    fields: Mapping[str, Any] = field(default_factory=dict)


def find_script(command: str) -> str:
    """Return what a task's command has of its line's command: what follows the mark, and the setting of PATH."""
    _, _, rest = command.partition("\n# crontab: " if command.startswith("#!") else "# crontab: ")
    _, _, text = rest.partition("\n")
    head, _, script = text.partition("\n")
    return script if head.startswith("export PATH=") else text


def interpret(line: Line, account: str, timezone: str | None, timeout: int) -> Meaning:
    """Return what a line becomes for an account's server whose cron is in this zone; raise NotImported."""
    if line.fault is not None:
        raise NotImported(line.fault, is_broken=line.is_broken)
    _check_user(line, account)
    home = line.variables.get("HOME")
    if home is not None and not home.startswith("/"):
        raise NotImported(choose(f"HOME is {home}, which is no absolute path", f"HOME 为 {home}，不是绝对路径"))
    env = _build_env(line)
    path = line.variables.get("PATH", PATH)
    variables = digest_text(repr((path, home, sorted(env.items()))), 4)
    mark = Mark(line.origin.label, line.digest, line.command_digest, variables)
    terms: dict[str, Any] = {"overlap": "ALLOW", "missed": "SKIP", "dst": "VIXIE"}
    delay = _find_delay(line)
    fields = {
        "command": _build_command(line, mark, path),
        "cronExpr": line.schedule,
        "timezone": _find_timezone(line, timezone),
        "env": [{"name": name, "value": value} for name, value in sorted(env.items())],
        "workingDir": home,
        "timeoutSeconds": timeout,
        "onOutputLimit": "TRUNCATE",
        "scheduleMode": "SHADOW",
        "terms": terms | ({"jitterSeconds": delay} if delay else {}),
    }
    return Meaning(mark, fields)


def _build_env(line: Line) -> dict[str, str]:
    """Return the variables that cron gives the command, beside PATH, and HOME and LOGNAME as sshd gives them."""
    kept = {name: value for name, value in line.variables.items() if name not in TAKEN}
    return {"SHELL": line.variables.get("SHELL", SH[0])} | kept


def _check_user(line: Line, account: str) -> None:
    if line.user != account:
        english = f"cron runs it as {line.user}, and the server's account is {account}"
        raise NotImported(choose(english, f"cron 以 {line.user} 运行它，而服务器的账号是 {account}"))


def _build_command(line: Line, mark: Mark, path: str) -> str:
    """Return the script. PATH is set in its text, for the command policy lets no task have it among its variables."""
    shell = line.variables.get("SHELL", SH[0])
    first = "" if shell in SH else f"#!{shell}\n"
    script = render_script(*split_command(line.command))
    return f"{first}{mark.render()}\nexport PATH={shlex.quote(path)}\n{script}"


def _find_timezone(line: Line, timezone: str | None) -> str | None:
    """Return the zone of the line's schedule. CRON_TZ sets it for cronie, and is an idle variable for Debian's cron."""
    name = line.variables.get("CRON_TZ")
    if name is None or line.origin.cron is Cron.VIXIE:
        return timezone
    if line.origin.cron is not Cron.CRONIE:
        english = f"CRON_TZ is {name}, and it is not known whether this server's cron knows CRON_TZ"
        raise NotImported(choose(english, f"CRON_TZ 为 {name}，而不知道该服务器的 cron 是否认识 CRON_TZ"))
    return name


def _find_delay(line: Line) -> int:
    """Return how many seconds cronie may start it later, by RANDOM_DELAY; others have no such setting."""
    text = line.variables.get("RANDOM_DELAY", "0").strip()
    if line.origin.cron is Cron.VIXIE or text == "0":
        return 0
    if line.origin.cron is not Cron.CRONIE:
        english = "RANDOM_DELAY is set, and it is not known whether this server's cron knows it"
        raise NotImported(choose(english, "设置了 RANDOM_DELAY，而不知道该服务器的 cron 是否认识它"))
    if not (text.isascii() and text.isdecimal()):
        english = f"RANDOM_DELAY is {text}, which is no number of minutes"
        raise NotImported(choose(english, f"RANDOM_DELAY 为 {text}，不是分钟数"))
    return 60 * int(text)
