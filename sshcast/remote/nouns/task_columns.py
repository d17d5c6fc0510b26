"""What is shown of tasks: the columns of their list, and the facts of one."""

from collections.abc import Mapping
from typing import Any

from sshcast.remote.nouns.slot_columns import format_local
from sshcast.remote.printing import Column, Row, format_duration, format_time
from sshcast.remote.states import choose_style
from sshcast.words import choose

FIELDS = """
id name cronExpr timezone enabled pausedAt pausedUntil scheduleMode nextRun lastRun
server { id name } selector { byIds nameContains tagsAll tagsAny tagsNone } latestExecution { id state reason }
"""
MORE_FIELDS = """
command shell timeoutSeconds outputLimitBytes onOutputLimit envNames secretEnv { name secret } workingDir runMode
mergeStreams createdAt updatedAt scheduleModeSince createdBy { name } updatedBy { name }
terms {
  overlap missed missedCap missedWindowSeconds dst jitterSeconds startDeadlineSeconds retryLimit retryDelaySeconds
  retryOn
}
fleet { batchSize { number percent } pauseSeconds stopAfter { number percent } onRefused }
parameters { name type required default pattern minimum maximum options description }
parameterValues { name value secret }
nextRuns { at local note slot wantedLocal blackoutUntil }
policy { mode allow holds }
"""
MARKS = {"disabled": "dim", "paused": "yellow", "shadow": "magenta"}


def _find_mark(row: Row) -> str:
    """Return why the schedule starts nothing; "" if it does."""
    if not row["enabled"]:
        return "disabled"
    if row["pausedAt"] is not None:
        return "paused"
    return "shadow" if row["scheduleMode"] == "SHADOW" else ""


def _format_mark(row: Row) -> str:
    words = {"disabled": choose("disabled", "已停用"), "shadow": choose("shadow", "影子模式"), "": ""}
    if (mark := _find_mark(row)) != "paused":
        return words[mark]
    until = row["pausedUntil"]
    if until is None:
        return choose("paused", "已暂停")
    return choose(f"paused until {format_time(until)}", f"暂停至 {format_time(until)}")


def format_place(row: Row) -> str:
    """Return the task's server, or the servers that it selects."""
    if row["selector"] is None:
        return (row["server"] or {}).get("name") or ""
    selector, parts = row["selector"], []
    for name, word in (("tagsAll", "all of"), ("tagsAny", "any of"), ("tagsNone", "none of")):
        parts += [f"{word} {', '.join(selector[name])}"] if selector[name] else []
    parts += ["chosen servers"] if selector["byIds"] else []
    parts += [f'name has "{selector["nameContains"]}"'] if selector["nameContains"] else []
    return f"[{'; '.join(parts) or 'every server'}]"


def _read_last(row: Row) -> str | None:
    last = row["latestExecution"]
    return None if last is None else last["state"]


COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("name", "名称", lambda row: row["name"]),
    Column("server", "服务器", format_place),
    Column("schedule", "计划", lambda row: row["cronExpr"]),
    Column("", "", _format_mark, lambda row: MARKS.get(_find_mark(row), "")),
    Column("next due", "下次到期", lambda row: format_time(row["nextRun"])),
    Column("last run", "上次运行", lambda row: format_time(row["lastRun"])),
    Column("last outcome", "上次结果", _read_last, lambda row: choose_style(_read_last(row) or "")),
)


def _format_terms(row: Row) -> str:
    terms = row["terms"]
    parts = [f"overlap {terms['overlap'].lower()}", f"missed {terms['missed'].lower()}", f"dst {terms['dst'].lower()}"]
    if terms["missed"] == "ALL":
        window = format_duration(terms["missedWindowSeconds"] * 1000)
        parts.append(f"at most {terms['missedCap']} missed of the last {window}")
    if terms["jitterSeconds"]:
        parts.append(f"jitter {terms['jitterSeconds']} s")
    if terms["startDeadlineSeconds"] is not None:
        parts.append(f"start within {terms['startDeadlineSeconds']} s")
    return ", ".join(parts)


def _format_retries(row: Row) -> str | None:
    terms = row["terms"]
    if not terms["retryLimit"]:
        return None
    reasons = ", ".join(each.lower().replace("_", "-") for each in terms["retryOn"])
    return f"{terms['retryLimit']} after {terms['retryDelaySeconds']} s, doubling, on {reasons}"


def _format_number(number: Mapping[str, Any] | None, missing: str) -> str:
    if number is None:
        return missing
    return f"{number['percent']}%" if number["percent"] is not None else str(number["number"])


def _format_fleet(row: Row) -> str | None:
    fleet = row["fleet"]
    if fleet is None:
        return None
    parts = [f"batches of {_format_number(fleet['batchSize'], 'all')}", f"{fleet['pauseSeconds']} s between them"]
    parts.append(f"stop after {_format_number(fleet['stopAfter'], 'no number of')} failures")
    return ", ".join([*parts, f"refused servers: {fleet['onRefused'].lower().replace('_', '-')}"])


def _list_parameters(row: Row) -> list[str]:
    return [_format_parameter(each) for each in row["parameters"]]


def _format_parameter(each: Row) -> str:
    kind = "|".join(each["options"]) if each["type"] == "CHOICE" else each["type"].lower()
    default = "" if each["default"] is None else f"={each['default']}"
    return f"{each['name']}:{kind}{default}{'' if each['required'] else '?'}"


def _list_values(row: Row) -> list[str]:
    return [f"{each['name']}={'(secret)' if each['secret'] else each['value']}" for each in row["parameterValues"]]


def _list_secrets(row: Row) -> list[str]:
    return [f"{each['name']}={each['secret'] or '(a value)'}" for each in row["secretEnv"]]


def _format_policy(row: Row) -> str | None:
    policy = row["policy"]
    if policy is None:
        return None
    allowed = f"allows {', '.join(policy['allow'])}" if policy["allow"] else ""
    ended = "" if policy["holds"] or not allowed else " (ended: the task was changed since)"
    return " ".join(part for part in ((policy["mode"] or "").lower(), allowed + ended) if part) or "additional rules"


FACTS = (
    *COLUMNS[:4],
    Column("time zone", "时区", lambda row: row["timezone"]),
    Column("starts nothing", "不启动", _format_mark, COLUMNS[4].style),
    Column("next due", "下次到期", lambda row: [format_local(each) for each in row["nextRuns"]]),
    *COLUMNS[6:],
    Column("terms", "计划条件", _format_terms),
    Column("retries", "重试", _format_retries),
    Column("fleet", "批量", _format_fleet),
    Column("parameters", "参数", _list_parameters),
    Column("scheduled values", "计划运行的参数值", _list_values),
    Column("time limit", "时限", lambda row: f"{row['timeoutSeconds']} s"),
    Column("output limit", "输出上限", lambda row: f"{row['outputLimitBytes']} B, {row['onOutputLimit'].lower()}"),
    Column("merged streams", "合并输出流", lambda row: row["mergeStreams"] or None),
    Column("mode", "模式", lambda row: row["runMode"]),
    Column("variables", "变量", lambda row: row["envNames"]),
    Column("secret variables", "机密变量", _list_secrets),
    Column("directory", "目录", lambda row: row["workingDir"]),
    Column("policy", "策略", _format_policy),
    Column("changed", "更改", lambda row: format_time(row["updatedAt"])),
    Column("by", "用户", lambda row: (row["updatedBy"] or {}).get("name")),
    Column("command", "命令", lambda row: row["command"]),
)
