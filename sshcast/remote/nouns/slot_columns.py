"""What is shown of slots: those to come, and those of the ledger."""

from datetime import datetime

from sshcast.remote.printing import Column, Row, format_time
from sshcast.words import choose

OUTCOME_STYLES = {
    "FIRED": "green",
    "CAUGHT_UP": "green",
    "MOVED_BY_DST": "green",
    "WAITING": "cyan",
    "SHADOWED": "magenta",
    "MISSED": "red",
    "REFUSED_BY_POLICY": "red",
    "NOT_ALLOWED": "red",
    "UNREADABLE": "red",
}


def _format_note(row: Row) -> str:
    """Return how a clock change or a blackout affects a slot."""
    notes = {
        "MOVED": choose(
            f"moved by a clock change from {row['wantedLocal']}", f"因时钟调整由 {row['wantedLocal']} 移动"
        ),
        "REPEATED": choose("in the second pass of the repeated hour", "位于重复小时的第二遍"),
        "SKIPPED": choose("skipped: this time does not exist that day", "跳过：当天不存在此时间"),
    }
    found = [notes[row["note"]]] if row["note"] is not None else []
    if row["blackoutUntil"] is not None:
        until = format_time(row["blackoutUntil"])
        found.append(choose(f"skipped: blackout until {until}", f"跳过：停止窗口至 {until}"))
    return "; ".join(found)


def format_local(row: Row) -> str:
    """Return a slot's time in the schedule's zone, with what is special about it."""
    note = _format_note(row)
    local = row["local"].replace("T", " ")
    return f"{local} ({note})" if note else local


def _format_start(row: Row) -> str:
    """Return when it starts, where jitter makes that another time than the slot."""
    if datetime.fromisoformat(row["at"]) == datetime.fromisoformat(row["slot"]):
        return ""
    return format_time(row["at"])


NEXT = (
    Column("in the schedule's zone", "计划时区", lambda row: row["local"].replace("T", " ")),
    Column("here", "本机时区", lambda row: format_time(row["slot"])),
    Column("starts", "启动", _format_start),
    Column("note", "备注", _format_note, lambda row: "yellow"),
)
LEDGER = (
    Column("due", "到期", lambda row: format_time(row["slot"])),
    Column("task", "任务", lambda row: (row["task"] or {}).get("name") or row["taskId"]),
    Column("outcome", "结果", lambda row: row["outcome"], lambda row: OUTCOME_STYLES.get(row["outcome"], "yellow")),
    Column("execution", "执行", lambda row: row["executionId"]),
    Column("fleet run", "批量运行", lambda row: (row["fleetRun"] or {}).get("id")),
    Column("retries left", "剩余重试", lambda row: row["retriesLeft"] or None),
    Column("reason", "原因", lambda row: row["reason"]),
)
