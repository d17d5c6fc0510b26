"""The error for an object that is not there, or that who asks may not see."""

from sshcast.errors import CommandFailed
from sshcast.words import choose

KINDS = {"execution": "执行", "secret": "机密", "server": "服务器", "task": "任务", "user": "用户"}


class ObjectAbsent(CommandFailed):
    """No object has the name or id, or who asks may not see it."""


def build_absence(kind: str, name: object, *, noun: str | None = None) -> ObjectAbsent:
    """Return the error. `noun`: the command whose `list` shows what there is."""
    hint = choose(f": see `sshcast {noun} list`", f"：见 `sshcast {noun} list`") if noun is not None else ""
    # Who may list users sees all of them.
    unseen = "" if kind == "user" else choose(", or you may not see it", "，或您无权查看")
    return ObjectAbsent(choose(f"there is no {kind} {name}", f"没有{KINDS[kind]} {name}") + unseen + hint)
