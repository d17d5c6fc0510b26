"""`sshcast export` and `sshcast apply`: what a service has, as a file in git. docs/apply.md has the file's keys."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.notes import COLOURS, Notes
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.option_groups import with_options
from sshcast.remote.options import with_api
from sshcast.remote.printing import Printer
from sshcast.terminal import RESET, Sanitiser, takes_colours
from sshcast.words import choose, translate

KINDS = ("servers", "policies", "tasks", "grants")
WOULD_CHANGE = 2
Only = Annotated[
    str | None, typer.Option("--only", metavar="KINDS", help=f"Only these, with commas: {','.join(KINDS)}.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How a file is applied."""

    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what is not in the files, of the kinds that they have.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the plan. Exits with 2 if anything would change.")
    ] = False
    update_credentials: Annotated[
        bool, typer.Option("--update-credentials", help="Send what cannot be compared too: credentials, variables.")
    ] = False
    only: Only = None


@with_api
def export(
    api: Api,
    printer: Printer,
    file: Annotated[Path | None, typer.Argument(help="The file to write; else standard output.")] = None,
    only: Only = None,
) -> None:
    """Write servers, tasks, grants and policies as YAML, without any secret. `sshcast apply` takes it."""
    snapshot = importlib.import_module("sshcast.remote.manifest.snapshot")
    exporter = importlib.import_module("sshcast.remote.manifest.exporter")
    kinds = _read_kinds(only)
    found = snapshot.load(api, kinds)
    tree = exporter.build_tree(found, kinds)
    for text in found.unread:
        printer.tell(f"not exported: {text}", f"未导出：{text}", "yellow")
    if printer.as_json:
        printer.show_json(tree)
        return
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = exporter.dump(tree, f"sshcast export of {api.place}, {moment}")
    if file is None or str(file) == "-":
        sys.stdout.write(Sanitiser(colours=False).feed(text, final=True) if sys.stdout.isatty() else text)
        return
    _write(file, text)
    count = sum(map(len, tree.values()))
    printer.tell(f"{count} objects are written to {file}", f"已将 {count} 个对象写入 {file}")


@with_api
@with_options
def apply(
    api: Api,
    printer: Printer,
    how: ApplyOptions,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files in YAML or JSON; - is stdin.")],
) -> int:
    """Make a service what files say. Shows what would change, and asks; deletes nothing without --prune."""
    kinds = _read_kinds(how.only)
    applying = importlib.import_module("sshcast.remote.manifest.applying")
    try:
        plan = applying.make_plan(api, files, kinds, prunes=how.prune, updates_credentials=how.update_credentials)
    except ApiRefused as error:  # 2 is for a plan that would change something
        raise CommandFailed(str(error)) from None
    if not printer.as_json or not (how.yes or how.dry_run):
        _show_plan(plan, is_answer=not printer.as_json)
    _tell_unplanned(printer, plan)
    if not plan.steps:
        return _tell_nothing(printer, api)
    if how.dry_run:
        if printer.as_json:
            printer.show_json(plan.list_rows())
        return WOULD_CHANGE
    _require_consent(api, plan.steps, yes=how.yes)
    refused = [step for step in _carry_out(api, printer, plan) if step.fault is not None]
    if printer.as_json:
        printer.show_json(plan.list_rows())
    return int(bool(refused))


def _read_kinds(only: str | None) -> list[str]:
    if only is None:
        return list(KINDS)
    found = [each.strip() for each in only.split(",")]
    stray = next((each for each in found if each not in KINDS), None)
    if stray is not None:
        raise CommandFailed(
            choose(
                f"--only {only}: {stray or 'an empty text'} is none of {', '.join(KINDS)}",
                f"--only {only}：{stray or '空文本'} 不是以下之一：{', '.join(KINDS)}",
            )
        )
    return found


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(
            choose(f"cannot write {file}: {error.strerror or error}", f"无法写入 {file}：{error.strerror or error}")
        ) from None


def _show_plan(plan: Any, *, is_answer: bool) -> None:
    """Print the plan on stdout; where that is for JSON, on stderr."""
    for text, colour in plan.list_lines():
        if not is_answer:
            Notes().say(text, colour)
        elif colour is not None and takes_colours(sys.stdout):
            print(f"{COLOURS[colour]}{text}{RESET}")
        else:
            print(text)
    sys.stdout.flush()


def _tell_unplanned(printer: Printer, plan: Any) -> None:
    """Say what the plan leaves out, and why."""
    for english, chinese in plan.notes:
        printer.tell(english, chinese, "yellow")
    if plan.unsure:
        what = ", ".join(plan.unsure)
        printer.tell(
            f"left as they are, for they cannot be compared: {what} (--update-credentials sends them)",
            f"无法比对而保持不变：{what}（--update-credentials 会发送它们）",
        )


def _tell_nothing(printer: Printer, api: Api) -> int:
    printer.tell(f"nothing to change [{api.place}]", f"没有需要更改的内容 [{api.place}]")
    if printer.as_json:
        printer.show_json([])
    return 0


def _require_consent(api: Api, steps: Sequence[Any], *, yes: bool) -> None:
    asking = importlib.import_module("sshcast.remote.asking")
    count = len(steps)
    what = "this change" if count == 1 else f"these {count} changes"
    asking.require_consent(f"Make {what} at {api.place}?", f"在 {api.place} 作这 {count} 项更改？", yes=yes)


def _carry_out(api: Api, printer: Printer, plan: Any) -> list[Any]:
    """Do all steps, and say of each what became of it."""
    done = []
    words = {"CREATE": ("is added", "已添加"), "UPDATE": ("is changed", "已更改"), "DELETE": ("is deleted", "已删除")}
    for step in plan.carry_out(api):
        english, chinese = words[step.action]
        if step.fault is None:
            printer.tell_change(api, f"{step.label} {english}", f"{step.label} {chinese}")
        else:
            where = "" if step.item is None else f" ({step.item.mark.file}:{step.item.mark.line})"
            Notes().say(f"sshcast: {step.label}{where}: {translate(step.fault)}", "red")
        done.append(step)
    return done
