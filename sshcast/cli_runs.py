"""`sshcast run` and `sshcast tail`: through a context's service, or on this machine's database."""

import importlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from sshcast import commands
from sshcast.cli_options import As, Data, Quiet, Raw, Stdin, run, settings
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.remote.choice import Choice, find_context, open_api
from sshcast.remote.options import ContextName, Json, Local
from sshcast.remote.printing import Printer


class OnOutputLimit(StrEnum):
    """What happens to a run whose output reaches its limit; the words of `db.values`, which takes longer to load."""

    STOP = "stop"
    TRUNCATE = "truncate"


class Misused(CommandFailed):
    """Arguments or options do not go together."""

    status = 2


Server = Annotated[str | None, typer.Argument(help="The server, by name or id; left out with --tag and the like.")]
Command = Annotated[
    list[str] | None, typer.Argument(help="The command, after --. A single word is taken as shell text.")
]
Timeout = Annotated[int | None, typer.Option(help="The time limit in seconds.")]
OutputLimit = Annotated[int | None, typer.Option(help="The output limit in bytes.")]
AtOutputLimit = Annotated[
    OnOutputLimit | None, typer.Option(help="End the command at the output limit, or leave out the middle.")
]
MergeStreams = Annotated[bool, typer.Option("--merge-streams", help="As with 2>&1: all is stdout.")]
Servers = Annotated[list[str] | None, typer.Option("--server", help="Many servers: this one; may be repeated.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Many servers: those with this tag; may be repeated.")]
AnyTags = Annotated[list[str] | None, typer.Option("--any-tag", help="Many servers: those with one of these tags.")]
NoTags = Annotated[list[str] | None, typer.Option("--exclude-tag", help="Many servers: none with this tag.")]
Batch = Annotated[str | None, typer.Option(help="Many servers: how many at a time, as 5 or 10%.")]
Pause = Annotated[int | None, typer.Option(help="Many servers: how many seconds to wait between batches.")]
StopAfter = Annotated[str | None, typer.Option(help="Many servers: start no more after so many failures, as 3 or 10%.")]
SkipRefused = Annotated[bool, typer.Option("--skip-refused", help="Many servers: leave out those that refuse it.")]
Plan = Annotated[bool, typer.Option("--plan", help="Many servers: show where it would run, and start nothing.")]
After = Annotated[str | None, typer.Option(help="Show only the output after this cursor.")]
Lines = Annotated[
    int | None, typer.Option("--lines", "-n", help="Start with this many of the newest lines; at most the newest MiB.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """The options that are for many servers."""

    servers: list[str]
    tags: list[str]
    any_tags: list[str]
    exclude_tags: list[str]
    batch: str | None
    pause: int | None
    stop_after: str | None
    skip_refused: bool
    plan: bool

    def selects(self) -> bool:
        """Tell whether servers are selected."""
        return bool(self.servers or self.tags or self.any_tags or self.exclude_tags)

    def has_terms(self) -> bool:
        """Tell whether anything is said that only makes sense for many servers."""
        given = any(value is not None for value in (self.batch, self.pause, self.stop_after))
        return given or self.plan or self.skip_refused


@dataclass(frozen=True, slots=True)
class Showing:
    """How output is shown."""

    raw: bool
    quiet: bool
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What else `sshcast run` was asked for; see its options."""

    server: str | None
    words: list[str]
    timeout: int | None
    output_limit: int | None
    on_output_limit: str | None
    merge_streams: bool
    passes_stdin: bool
    choice: Choice
    showing: Showing

    def get_limits(self) -> dict[str, Any]:
        """Return the limits of the command, as both ways of running it take them."""
        names = ("timeout", "output_limit", "on_output_limit", "merge_streams")
        return {name: getattr(self, name) for name in names}


def run_command(
    server: Server = None,
    command: Command = None,
    timeout: Timeout = None,
    output_limit: OutputLimit = None,
    on_output_limit: AtOutputLimit = None,
    merge_streams: MergeStreams = False,
    stdin: Stdin = False,
    servers: Servers = None,
    tags: Tags = None,
    any_tags: AnyTags = None,
    exclude_tags: NoTags = None,
    batch: Batch = None,
    pause: Pause = None,
    stop_after: StopAfter = None,
    skip_refused: SkipRefused = False,
    plan: Plan = False,
    json: Json = False,
    local: Local = False,
    context: ContextName = None,
    run_as: As = None,
    raw: Raw = False,
    quiet: Quiet = False,
    data: Data = None,
) -> None:
    """Run a command on a server, show its output, and exit with its status; or on many servers: see --tag."""
    many = Many(
        servers=servers or [],
        tags=tags or [],
        any_tags=any_tags or [],
        exclude_tags=exclude_tags or [],
        batch=batch,
        pause=pause,
        stop_after=stop_after,
        skip_refused=skip_refused,
        plan=plan,
    )
    asked = Asked(
        server=server,
        words=command or [],
        timeout=timeout,
        output_limit=output_limit,
        on_output_limit=on_output_limit,
        merge_streams=merge_streams,
        passes_stdin=stdin,
        choice=Choice(local, context, run_as, data),
        showing=Showing(raw, quiet, json),
    )
    raise typer.Exit(_run_on_many(asked, many) if many.selects() else _run_on_one(asked, many))


def tail(
    execution_id: int,
    after: After = None,
    lines: Lines = None,
    local: Local = False,
    context: ContextName = None,
    run_as: As = None,
    raw: Raw = False,
    quiet: Quiet = False,
    data: Data = None,
) -> None:
    """Show an execution's output live until it ends, and exit with its status."""
    choice = Choice(local, context, run_as, data)
    if find_context(choice) is None:
        options = commands.tail.TailOptions(after, lines, run_as, raw, quiet)
        run(commands.tail.tail(settings(data=data), execution_id, options))
    running = importlib.import_module("sshcast.remote.running")
    with open_api(choice) as api:
        writer = running.OutputWriter(raw, Notes(quiet=quiet))
        raise typer.Exit(running.tail(api, writer, str(execution_id), after, lines))


def _run_on_one(asked: Asked, many: Many) -> int:
    if many.has_terms() or asked.showing.as_json:
        options = "--plan, --batch, --pause, --stop-after, --skip-refused and --json"
        raise Misused(f"{options} are for many servers: select them with --tag or --server")
    if asked.server is None or not asked.words:
        missing = "server" if asked.server is None else "command"
        raise Misused(f"Missing argument '{missing}': see `sshcast run --help`")
    if find_context(asked.choice) is None:
        return _run_locally(asked, asked.server)
    running = importlib.import_module("sshcast.remote.running")
    stdin = running.read_stdin() if asked.passes_stdin else None
    request = running.RunRequest(server=asked.server, words=asked.words, stdin=stdin, **asked.get_limits())
    with open_api(asked.choice) as api:
        status: int = running.run(api, Notes(quiet=asked.showing.quiet), request, raw=asked.showing.raw)
    return status


def _run_locally(asked: Asked, server: str) -> int:
    choice = asked.choice
    stdin = commands.execute.read_stdin() if asked.passes_stdin else None
    options = commands.execute.RunOptions(
        run_as=choice.run_as, raw=asked.showing.raw, quiet=asked.showing.quiet, stdin=stdin, **asked.get_limits()
    )
    return commands.work.run(commands.execute.run(settings(data=choice.data), server, asked.words, options))


def _run_on_many(asked: Asked, many: Many) -> int:
    """Run it on the selected servers; the argument that would be the server is the command's first word."""
    words = asked.words if asked.server is None else [asked.server, *asked.words]
    if not words:
        raise Misused("Missing argument 'command': see `sshcast run --help`")
    running = importlib.import_module("sshcast.remote.running")
    fleets = importlib.import_module("sshcast.remote.fleet_running")
    stdin = running.read_stdin() if asked.passes_stdin else None
    request = running.RunRequest(server="", words=words, stdin=stdin, **asked.get_limits())
    terms = fleets.build_terms(many.batch, many.pause, many.stop_after, skips_refused=many.skip_refused)
    printer = Printer(asked.showing.as_json, Notes(quiet=asked.showing.quiet))
    with open_api(asked.choice) as api:
        selector = fleets.build_selector(api, many.servers, many.tags, many.any_tags, many.exclude_tags)
        plan = fleets.make_plan(api, {"command": running.build_command_input(request)}, selector)
        status: int = fleets.show_plan(api, printer, plan) if many.plan else fleets.run(api, printer, plan, terms)
    return status
