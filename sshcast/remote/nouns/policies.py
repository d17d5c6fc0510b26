"""`sshcast policy …`: what the command policy says of a command, its rules, and what admins set."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.absence import ObjectAbsent, build_absence
from sshcast.remote.api import Api
from sshcast.remote.assignments import build_values, read_text
from sshcast.remote.enums import POLICY_MODES, read_word
from sshcast.remote.names import find_server_id, find_task_id
from sshcast.remote.nouns.policy_findings import print_findings
from sshcast.remote.option_groups import with_options
from sshcast.remote.options import with_api
from sshcast.remote.printing import Column, Printer, Row, format_time
from sshcast.remote.running import build_shell_command
from sshcast.words import choose

app = typer.Typer(help="The command policy: check a command, its rules, what admins set.", no_args_is_help=True)

CHECK = """
query CheckCommand($command: String!, $server: ID, $task: ID, $env: [EnvironmentVariable!], $dir: String) {
  checkCommand(command: $command, serverId: $server, taskId: $task, env: $env, workingDir: $dir) {
    allowed policyVersion errors { code field message }
    findings { rule severity message line column start end text via }
  }
}
"""
RULES = "query PolicyRules($server: ID) { policyRules(serverId: $server) { id standard strict en zh } }"
POLICY = "id mode allow commands extra holds createdAt createdById"
OF_SERVER = f"query PolicyOfServer($id: ID!) {{ server(id: $id) {{ id name policy {{ {POLICY} }} }} }}"
OF_TASK = f"query PolicyOfTask($id: ID!) {{ task(id: $id) {{ id name policy {{ {POLICY} }} }} }}"
SET_SERVER = f"""
mutation SetServerPolicy($input: SetServerPolicyInput!) {{
  setServerPolicy(input: $input) {{ errors {{ code field message }} policy {{ {POLICY} }} }}
}}
"""
SET_TASK = f"""
mutation SetTaskPolicy($input: SetTaskPolicyInput!) {{
  setTaskPolicy(input: $input) {{ errors {{ code field message }} policy {{ {POLICY} }} }}
}}
"""
REFUSED = 1
RULE_COLUMNS = (
    Column("rule", "规则", lambda row: row["id"]),
    Column("standard", "标准", lambda row: row["standard"].lower()),
    Column("strict", "严格", lambda row: row["strict"].lower()),
    Column("what it is about", "说明", lambda row: choose(row["en"], row["zh"])),
)
FACTS = (
    Column("mode", "模式", lambda row: (row["mode"] or choose("as the level above", "同上一级")).lower()),
    Column("allowed rules", "允许的规则", lambda row: row["allow"]),
    Column("what it allows applies", "允许项有效", lambda row: row["holds"] if row["allow"] else None),
    Column("allowed commands", "允许的命令", lambda row: row["commands"]),
    Column("additional rules", "附加规则", lambda row: row["extra"]),
    Column("set", "设置时间", lambda row: format_time(row["createdAt"])),
    Column("version", "版本", lambda row: row["id"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectOptions:
    """Whose policy."""

    server: Annotated[str | None, typer.Option(help="The server, by name or id.")] = None
    task: Annotated[str | None, typer.Option(help="The task, by name or id.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOptions:
    """A whole policy: what is not given is empty."""

    mode: Annotated[str | None, typer.Option(help="standard, strict or audit; else as the level above.")] = None
    allow: Annotated[
        list[str] | None, typer.Option(help="A rule whose findings only warn, such as fs.*; may be repeated.")
    ] = None
    command: Annotated[
        list[str] | None, typer.Option(help="With --server: a command that is allowed word for word; may be repeated.")
    ] = None
    rules: Annotated[Path | None, typer.Option(help="Additional rules, which forbid more, from this TOML file.")] = None


@app.command("check")
@with_api
@with_options
def check_command(
    api: Api,
    printer: Printer,
    subject: SubjectOptions,
    command: Annotated[list[str], typer.Argument(help="The command, after --. A single word is taken as shell text.")],
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a variable of the command.")] = None,
    dir: Annotated[str | None, typer.Option(help="The working directory.")] = None,
) -> int:
    """Check a command without running it. Exits with 0 if it is allowed, and with 1 if it is refused."""
    text = build_shell_command(command)
    variables = {
        "command": text,
        "server": None if subject.server is None else find_server_id(api, subject.server),
        "task": None if subject.task is None else find_task_id(api, subject.task),
        "env": build_values("--env", env) if env else None,
        "dir": dir,
    }
    verdict = api.execute(CHECK, variables)["checkCommand"]
    if printer.as_json:
        printer.show_json(verdict)
    else:
        print_findings(text, verdict["findings"])
        _tell_verdict(printer, is_allowed=verdict["allowed"])
    return 0 if verdict["allowed"] else REFUSED


@app.command("rules")
@with_api
def list_rules(
    api: Api,
    printer: Printer,
    server: Annotated[str | None, typer.Option(help="With this server's additional rules.")] = None,
) -> None:
    """List the rules, and what each does in the modes standard and strict."""
    id = None if server is None else find_server_id(api, server)
    printer.show_rows(api.execute(RULES, {"server": id})["policyRules"], RULE_COLUMNS)


@app.command("show")
@with_api
@with_options
def show_policy(
    api: Api,
    printer: Printer,
    subject: SubjectOptions,
    name: Annotated[str | None, typer.Argument(help="A server or, if there is none of that name, a task.")] = None,
) -> None:
    """Show the policy that admins set for a server or a task."""
    found = _load_named(api, name, subject) if name is not None else _load(api, subject)
    if found["policy"] is None:
        printer.tell(f"{found['name']} has no policy of its own", f"{found['name']} 没有单独的策略")
        if printer.as_json:
            printer.show_json(None)
        return
    printer.show_object(found["policy"], FACTS)


@app.command("set")
@with_api
@with_options
def set_policy(api: Api, printer: Printer, subject: SubjectOptions, policy: PolicyOptions) -> None:
    """Replace the whole policy of a server or a task; without any option it is empty. For admins."""
    before = _load(api, subject)
    given = _build_policy(before["id"], policy)
    if subject.server is not None:
        found = api.execute(SET_SERVER, {"input": given})["setServerPolicy"]["policy"]
    else:
        if given.pop("commands"):
            raise CommandFailed(
                choose(
                    "--command goes with --server: a task's policy allows rules, and no commands",
                    "--command 须与 --server 同用：任务的策略只允许规则，不允许命令",
                )
            )
        found = api.execute(SET_TASK, {"input": given})["setTaskPolicy"]["policy"]
    name = before["name"]
    printer.tell_change(api, f"the policy of {name} is set", f"已设置 {name} 的策略")
    dropped = _list_dropped(before["policy"], found)
    if dropped:
        printer.tell(f"no longer allowed: {dropped}", f"不再允许：{dropped}", "yellow")
    if printer.as_json:
        printer.show_json(found)


def _tell_verdict(printer: Printer, *, is_allowed: bool) -> None:
    if is_allowed:
        printer.tell("it would be accepted", "此命令会被接受", "green")
    else:
        printer.tell("it would be refused", "此命令会被拒绝", "red")


def _load(api: Api, subject: SubjectOptions) -> Row:
    """Return the server or the task, with its policy."""
    if (subject.server is None) == (subject.task is None):
        raise CommandFailed(choose("give either --server or --task", "--server 与 --task 须给出其中一个"))
    if subject.server is not None:
        kind, name = "server", subject.server
        found = api.execute(OF_SERVER, {"id": find_server_id(api, name)})["server"]
    else:
        kind, name = "task", str(subject.task)
        found = api.execute(OF_TASK, {"id": find_task_id(api, name)})["task"]
    if found is None:
        raise build_absence(kind, name, noun=kind)
    return dict(found)


def _load_named(api: Api, name: str, subject: SubjectOptions) -> Row:
    if subject != SubjectOptions():
        raise CommandFailed(choose("give a name, or --server, or --task", "请给出名称，或 --server，或 --task"))
    for each in (SubjectOptions(server=name), SubjectOptions(task=name)):
        with suppress(ObjectAbsent):
            return _load(api, each)
    raise CommandFailed(
        choose(
            f"there is no server and no task {name}, or you may not see it", f"没有服务器或任务 {name}，或您无权查看"
        )
    )


def _build_policy(id: str, given: PolicyOptions) -> dict[str, Any]:
    return {
        "id": id,
        "mode": None if given.mode is None else read_word("--mode", given.mode, POLICY_MODES),
        "allow": given.allow or [],
        "commands": given.command or [],
        "extra": "" if given.rules is None else read_text("--rules", given.rules),
    }


def _list_dropped(before: Row | None, after: Row) -> str:
    if before is None:
        return ""
    return ", ".join(each for name in ("allow", "commands") for each in before[name] if each not in after[name])
