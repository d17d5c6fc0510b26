"""What is shown of executions: the columns of their list, and the facts of one."""

from typing import Any

from sshcast.remote.printing import Column, Row, format_duration, format_time
from sshcast.remote.states import choose_style

FIELDS = """
id state reason exitCode exitSignal message trigger command createdAt startTime endTime durationMs
server { id name } task { id name } createdBy { name }
"""
MORE_FIELDS = """
mode timeoutSeconds outputLimitBytes stdoutBytes stderrBytes truncated verifiedGone attempt slot
workingDir envNames secretEnv { name secret } parameters { name value secret } fleetRun { id }
stdinBytes mergeStreams onOutputLimit cancelRequestedAt waiting { reason position until }
findings { rule severity line column text message }
"""


def _read_name(name: str) -> Any:
    return lambda row: (row[name] or {}).get("name")


COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("state", "状态", lambda row: row["state"], lambda row: choose_style(row["state"])),
    Column("server", "服务器", _read_name("server")),
    Column("task", "任务", _read_name("task")),
    Column("by", "用户", _read_name("createdBy")),
    Column("started", "开始", lambda row: format_time(row["startTime"] or row["createdAt"])),
    Column("took", "用时", lambda row: format_duration(row["durationMs"])),
    Column("command", "命令", lambda row: row["command"].split("\n")[0]),
)


def _format_waiting(row: Row) -> str | None:
    waiting = row["waiting"]
    if waiting is None:
        return None
    parts = [waiting["reason"].lower().replace("_", " ")]
    parts += [f"position {waiting['position']}"] if waiting["position"] is not None else []
    parts += [f"until {format_time(waiting['until'])}"] if waiting["until"] is not None else []
    return ", ".join(parts)


def _list_parameters(row: Row) -> list[str]:
    return [f"{each['name']}={'(secret)' if each['secret'] else each['value']}" for each in row["parameters"]]


def _list_findings(row: Row) -> list[str]:
    return [f"{each['line']}:{each['column']} {each['rule']}: {each['message']}" for each in row["findings"]]


FACTS = (
    *COLUMNS[:5],
    Column("fleet run", "批量运行", lambda row: (row["fleetRun"] or {}).get("id")),
    Column("waits for", "等待", _format_waiting),
    Column("reason", "原因", lambda row: row["reason"]),
    Column("message", "说明", lambda row: row["message"]),
    Column("exit status", "退出状态", lambda row: row["exitCode"]),
    Column("signal", "信号", lambda row: row["exitSignal"]),
    Column("trigger", "触发方式", lambda row: row["trigger"]),
    Column("attempt", "第几次尝试", lambda row: row["attempt"] if row["attempt"] > 1 else None),
    Column("due", "到期", lambda row: format_time(row["slot"])),
    Column("requested", "请求时间", lambda row: format_time(row["createdAt"])),
    Column("started", "开始", lambda row: format_time(row["startTime"])),
    Column("ended", "结束", lambda row: format_time(row["endTime"])),
    Column("took", "用时", lambda row: format_duration(row["durationMs"])),
    Column("time limit", "时限", lambda row: f"{row['timeoutSeconds']} s"),
    Column("mode", "模式", lambda row: row["mode"]),
    Column("stdout bytes", "stdout 字节", lambda row: row["stdoutBytes"]),
    Column("stderr bytes", "stderr 字节", lambda row: row["stderrBytes"]),
    Column("truncated", "已截断", lambda row: True if row["truncated"] else None),
    Column("process gone", "进程已消失", lambda row: row["verifiedGone"]),
    Column("parameters", "参数", _list_parameters),
    Column("variables", "变量", lambda row: row["envNames"]),
    Column("secret variables", "机密变量", lambda row: [each["name"] for each in row["secretEnv"]]),
    Column("directory", "目录", lambda row: row["workingDir"]),
    Column("findings", "策略提示", _list_findings),
    Column("command", "命令", lambda row: row["command"]),
)
