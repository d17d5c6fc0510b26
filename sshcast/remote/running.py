"""`sshcast run` and `sshcast tail` through a service: shows a run's output live, to its end, and cancels it."""

import base64
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sshcast import standard_streams
from sshcast.display import CANCELLING, UNKNOWN_STATUS, UNREAD, Ending, OutputWriter
from sshcast.errors import CommandFailed
from sshcast.exit_status import INTERRUPTED
from sshcast.notes import Notes
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.following import Event, Follower
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.names import find_server_id
from sshcast.remote.patience import Patience
from sshcast.remote.starting import start_whole

MAX_STDIN_BYTES = 1024 * 1024
RUN = """
mutation Run($input: RunCommandInput!) {
  runCommand(input: $input) { errors { code field message } execution { id } }
}
"""
CANCEL = """
mutation CancelRun($id: ID!) { cancelExecution(input: {id: $id}) { errors { code field message } } }
"""
FIND = "query FindRun($id: ID!) { execution(id: $id) { id } }"
OUTPUT = """
subscription Output($id: ID!, $after: String, $lines: Int, $text: Boolean!) {
  executionOutput(executionId: $id, after: $after, lastLines: $lines) {
    kind: __typename cursor
    ... on OutputChunk { stream base64 leftOutBytes text @include(if: $text) }
    ... on OutputEnd { state exitCode exitSignal message truncated }
  }
}
"""


class StdinTooLarge(CommandFailed):
    """There is more standard input than a command is given."""

    status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run: words as they were written after `--`, and the options of `sshcast run`; None for the default."""

    server: str
    words: Sequence[str]
    timeout: int | None = None
    output_limit: int | None = None
    on_output_limit: str | None = None
    merge_streams: bool = False
    stdin: bytes | None = field(repr=False, default=None)


@dataclass(slots=True)
class Watch:
    """Shows one run's output. `ending`: how it ended, once it has."""

    writer: OutputWriter
    follower: Follower
    ending: Ending | None = None

    @property
    def status(self) -> int:
        return UNKNOWN_STATUS if self.ending is None else self.ending.status

    def show(self, event: Event) -> bool:
        """Show an event; tell whether it is the last."""
        if event["kind"] == "OutputChunk":
            data = base64.b64decode(event["base64"])
            read_text = partial(str, event.get("text", ""))
            self.writer.write_piece(event["stream"].lower(), data, read_text, event["leftOutBytes"])
        elif event["kind"] == "OutputEnd":
            names = ("state", "exitCode", "exitSignal", "message", "truncated", "cursor")
            self.ending = Ending(*(event[name] for name in names))
            self.writer.write_ending(self.ending, {})
        return self.ending is not None


@dataclass(slots=True)
class Canceller:
    """Cancels the run once: for a Ctrl-C, or when nobody reads its output any more."""

    watch: Watch
    api: Api
    execution_id: str
    is_asked: bool = False

    def show(self, event: Event) -> bool:
        is_last = self.watch.show(event)
        if self.watch.writer.lost is not None and not is_last:
            self.cancel()
        return is_last

    def cancel(self) -> None:
        if self.is_asked:
            return
        self.is_asked = True
        with suppress(ApiRefused):  # it has ended already
            start_cancel(self.api, self.watch.writer.notes, CANCEL, self.execution_id)

    def cancel_or_leave(self) -> bool:
        """Cancel for a first Ctrl-C; tell whether it was a second one, which leaves."""
        notes = self.watch.writer.notes
        if not self.is_asked:
            notes.say(CANCELLING, "yellow")
            with suppress(KeyboardInterrupt), self.watch.follower.interrupts.allow():
                self.cancel()
                return False
        notes.say(f"left; how it went on: sshcast tail {self.execution_id}")
        return True


def start_cancel(api: Api, notes: Notes, document: str, id: str) -> None:
    """Ask for something to be cancelled, until the service has answered. Repeating it does no harm."""
    patience = Patience(notes)
    while True:
        try:
            api.execute(document, {"id": id})
            return patience.meet()
        except CommandFailed as error:
            if isinstance(error, ApiRefused) and error.code != "UNAVAILABLE":
                raise
            patience.wait(error, "it may not be cancelled yet")


def run(api: Api, notes: Notes, request: RunRequest, *, raw: bool) -> int:
    """Run the command and show its output; return its exit status. An interrupt cancels it and shows how it ended."""
    interrupts = Interrupts()
    unread = request.stdin is None and standard_streams.has_unread()
    server_id = find_server_id(api, request.server)
    with interrupts.catch(api):
        wanted = {"serverId": server_id} | build_command_input(request)
        found = start_whole(api, notes, RUN, {"input": wanted})
        execution_id = str(found["runCommand"]["execution"]["id"])
        notes.say(f"execution {execution_id}", "dim")
        if unread:
            notes.say(UNREAD, "yellow")
        watch = build_watch(api, OutputWriter(raw, notes), execution_id, interrupts)
        status = follow_or_cancel(Canceller(watch, api, execution_id))
    if request.stdin is None and not unread and standard_streams.has_unread():
        notes.say(UNREAD, "yellow")
    return status


def tail(api: Api, writer: OutputWriter, execution_id: str, after: str | None, lines: int | None) -> int:
    """Show an execution's output to its end; return its exit status. An interrupt leaves it alone."""
    interrupts = Interrupts()
    watch = build_watch(api, writer, execution_id, interrupts)
    watch.follower.start = {"after": after, "lines": lines}
    api.execute(FIND, {"id": execution_id})  # a service that is not there at the beginning is not waited for
    with interrupts.catch(api), interrupts.allow():
        watch.follower.follow(lambda event: watch.show(event) or writer.lost is not None)
    if writer.lost is not None:
        raise writer.lost
    return watch.status


def build_watch(api: Api, writer: OutputWriter, execution_id: str, interrupts: Interrupts) -> Watch:
    takes_text = writer.takes_text("stdout") or writer.takes_text("stderr")
    follower = Follower(
        api=api,
        patience=Patience(writer.notes),
        document=OUTPUT,
        root="executionOutput",
        advice=f"how the run went on is shown by `sshcast tail {execution_id}`",
        variables={"id": execution_id, "text": takes_text},
        interrupts=interrupts,
    )
    return Watch(writer, follower)


def follow_or_cancel(canceller: Canceller) -> int:
    """Show the run to its end; cancel it for a Ctrl-C, and leave for the second one. It is in `Interrupts.catch`."""
    watch = canceller.watch
    while not watch.follower.is_done:
        try:
            with watch.follower.interrupts.allow():
                watch.follower.follow(canceller.show)
        except KeyboardInterrupt:
            if not watch.follower.is_done and canceller.cancel_or_leave():
                return INTERRUPTED
    if watch.writer.lost is not None:
        raise watch.writer.lost
    return watch.status


def build_command_input(request: RunRequest) -> dict[str, Any]:
    """Return what a single run and a fleet run have in common. None: the service's default."""
    return {
        "command": build_shell_command(request.words),
        "timeoutSeconds": request.timeout,
        "outputLimitBytes": request.output_limit,
        "onOutputLimit": None if request.on_output_limit is None else request.on_output_limit.upper(),
        "mergeStreams": request.merge_streams,
        "stdin": None if request.stdin is None else base64.b64encode(request.stdin).decode(),
    }


def build_shell_command(words: Sequence[str]) -> str:
    """Return a single word as shell text unchanged; quote several words as arguments."""
    return words[0] if len(words) == 1 else shlex.join(words)


def read_stdin() -> bytes:
    """Return all of standard input; raise StdinTooLarge before anything is run."""
    data = standard_streams.read_all(MAX_STDIN_BYTES)
    if len(data) > MAX_STDIN_BYTES:
        raise StdinTooLarge(
            f"stdin: there is more than {MAX_STDIN_BYTES} bytes of it: put it into a file on the server"
        )
    return data
