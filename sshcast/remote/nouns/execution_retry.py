"""`sshcast execution retry`: the same command on the same server, or the same task with the same parameters."""

from collections.abc import Iterable, Mapping
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.printing import Row
from sshcast.remote.starting import start_whole
from sshcast.words import choose

READ = """
query RunToRepeat($id: ID!) {
  execution(id: $id) {
    id state command serverId taskId workingDir timeoutSeconds outputLimitBytes onOutputLimit mergeStreams
    stdinBytes envNames secretEnv { name secret } parameters { name value secret } fleetRun { id }
    server { id name }
    task {
      id name command serverId workingDir timeoutSeconds outputLimitBytes onOutputLimit mergeStreams envNames
      secretEnv { name secret } deletedAt
    }
  }
}
"""
RUN_COMMAND = """
mutation RepeatCommand($input: RunCommandInput!) {
  runCommand(input: $input) { errors { code field message } execution { id state command server { id name } } }
}
"""
RUN_TASK = """
mutation RepeatTask($input: RunTaskInput!) {
  runTask(input: $input) { errors { code field message } execution { id state command server { id name } } }
}
"""
COMPARED = (
    ("command", "command", "命令"),
    ("serverId", "server", "服务器"),
    ("workingDir", "working directory", "工作目录"),
    ("envNames", "variables", "变量"),
    ("secretEnv", "secret variables", "机密变量"),
    ("timeoutSeconds", "time limit", "时限"),
    ("outputLimitBytes", "output limit", "输出上限"),
    ("onOutputLimit", "action at the output limit", "达到输出上限时的处理"),
    ("mergeStreams", "merging of the streams", "合并输出流"),
)


class NotRepeatable(CommandFailed):
    """A run cannot be repeated as it was."""

    status = 2


def repeat_run(api: Api, notes: Notes, execution_id: str, interrupts: Interrupts) -> Row:
    """Start the run again and return the new execution. Raise NotRepeatable if a part of it is not kept.

    It is in `Interrupts.catch`: an interrupt leaves before the start, and waits from then on.
    """
    with interrupts.allow():
        old = api.execute(READ, {"id": execution_id})["execution"]
    if old is None:
        raise build_absence("execution", execution_id)
    if old["taskId"] is not None:
        return _repeat_task(api, notes, old)
    found = start_whole(api, notes, RUN_COMMAND, {"input": _build_command(old)})
    return dict(found["runCommand"]["execution"])


def _repeat_task(api: Api, notes: Notes, old: Row) -> Row:
    wanted = _build_task(old)
    changed = list_differences(old, old["task"])
    if changed:
        notes.say(
            choose(
                f"the task runs as it is now; changed since execution {old['id']}: {', '.join(changed)}",
                f"任务将按现在的定义运行；自执行 {old['id']} 以来已更改：{'、'.join(changed)}",
            ),
            "yellow",
        )
    return dict(start_whole(api, notes, RUN_TASK, {"input": wanted})["runTask"]["execution"])


def list_differences(old: Mapping[str, Any], task: Mapping[str, Any]) -> list[str]:
    """Return what the task has changed of since that run, in words."""
    return [
        choose(english, chinese) for name, english, chinese in COMPARED if _simplify(old[name]) != _simplify(task[name])
    ]


def _simplify(value: Any) -> Any:
    """Return lists without their order, which is not compared."""
    return sorted(map(str, value)) if isinstance(value, list) else value


def _build_command(old: Row) -> dict[str, Any]:
    if old["stdinBytes"] is not None:
        raise _refuse(old, "its standard input is not kept", "give it again with `sshcast run --stdin`")
    if old["envNames"]:
        raise _refuse(old, f"the values of its variables are not shown ({_join(old['envNames'])})", "run it anew")
    unnamed = [each["name"] for each in old["secretEnv"] if each["secret"] is None]
    if unnamed:
        raise _refuse(old, f"its secret values are not kept ({_join(unnamed)})", "run it anew with them")
    names = ("command", "serverId", "workingDir", "timeoutSeconds", "outputLimitBytes", "onOutputLimit", "mergeStreams")
    return {name: old[name] for name in names} | {"secretEnv": old["secretEnv"]}


def _build_task(old: Row) -> dict[str, Any]:
    task = old["task"]
    if task is None or task["deletedAt"] is not None:
        raise _refuse(old, "its task was deleted", "run its command with `sshcast run`")
    if old["fleetRun"] is not None:
        id = old["fleetRun"]["id"]
        raise _refuse(old, f"it is a part of fleet run {id}", f"repeat what failed with `sshcast fleet retry {id}`")
    secret = [each["name"] for each in old["parameters"] if each["secret"]]
    if secret:
        raise _refuse(
            old,
            f"its secret parameters are not kept ({_join(secret)})",
            f"give them again with `sshcast task run {task['id']} --param-file {secret[0]}=FILE`",
        )
    values = [{"name": each["name"], "value": each["value"]} for each in old["parameters"]]
    return {"taskId": task["id"], "parameters": values}


def _refuse(old: Row, why: str, advice: str) -> NotRepeatable:
    return NotRepeatable(f"execution {old['id']} cannot be run again as it was: {why}; {advice}")


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)
