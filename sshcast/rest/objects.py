"""The objects that REST answers with: their fields, as the handlers build them and as the OpenAPI document shows them.

A field's type holds for mypy, which checks the functions of `shapes`; its `describe` goes into the document.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from db.values import Reason, Role, State, Stream, Trigger


def describe(
    text: str, example: Any = None, *, values: Iterable[str] | None = None, format: str | None = None, **bounds: Any
) -> Any:
    """Return the description of a field; `values` are all that it may hold, besides null where its type has it."""
    extra: dict[str, Any] = {} if format is None else {"format": format}
    if values is not None:
        text += f" One of {', '.join(values)}."
    return Field(
        description=text, examples=None if example is None else [example], json_schema_extra=extra or None, **bounds
    )


Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339, in UTC, with a Z."""
Id = Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
Status = Annotated[int, describe("0 while it is pending or running, 1 success, 2 failed, timed out or cancelled.", 1)]
Duration = Annotated[float | int | None, describe("Seconds from its start to its end.", 0.25)]
Truncated = Annotated[bool, describe("Whether output over the limit was left out.", False)]
RunState = Annotated[str, describe("The state.", "SUCCESS", values=State)]
ExitCode = Annotated[int | None, describe("The exit status that the server reported.", 0)]


class Task(TypedDict):
    """A named command for a server, with a schedule."""

    id: Annotated[Id, describe("The task's number.", 7)]
    name: Annotated[str, describe("The name.", "disk check")]
    command: Annotated[str, describe("The command, as shell text.", "df -h")]
    server_id: Annotated[int, describe("The server that it runs on; 0 for a fleet task.", 1)]
    cron_expr: Annotated[str, describe("When it runs: a cron expression, @once, @manual and the like.", "@daily")]
    status: Annotated[int, describe("0 disabled or in shadow, 1 enabled.", 1)]
    last_run: Annotated[Time | None, describe("When it was last started.", "2026-11-24T10:00:00Z")]
    next_run: Annotated[Time | None, describe("When it is started next; null in shadow.", "2026-11-25T00:00:00Z")]
    created_by: Annotated[int, describe("The user who created it.", 1)]
    created_at: Annotated[Time, describe("When it was created.", "2026-11-24T09:00:00Z")]
    updated_at: Annotated[Time, describe("When it was last changed.", "2026-11-24T09:00:00Z")]
    selector: NotRequired[Annotated[dict[str, Any], describe("Only of a fleet task: which servers it runs on.")]]


class CreatedTask(Task):
    """A new task, and the execution that `@once` started."""

    execution_id: Annotated[Id | None, describe("The execution that `@once` started; null if none was.", 123)]


class Execution(TypedDict):
    """One run of a command."""

    id: Annotated[Id, describe("The execution's number.", 123)]
    execution_id: Annotated[Id, describe("The same number.", 123)]
    task_id: Annotated[Id | None, describe("Its task; null for a command without one.", 7)]
    server_id: Annotated[Id, describe("The server that it runs on.", 1)]
    command: Annotated[str, describe("The command as it was run.", "df -h")]
    trigger: Annotated[str, describe("What started it.", "manual", values=Trigger)]
    status: Status
    state: RunState
    reason: Annotated[str | None, describe("Why it ended as it did.", "EXIT_STATUS", values=Reason)]
    exit_code: ExitCode
    exit_signal: Annotated[str | None, describe("The signal that ended it, without SIG.", "KILL")]
    start_time: Annotated[Time | None, describe("When it was started.", "2026-11-24T10:00:00Z")]
    end_time: Annotated[Time | None, describe("When it ended.", "2026-11-24T10:00:00.250000Z")]
    duration: Duration
    truncated: Truncated
    created_by: Annotated[int, describe("The user for whom it runs.", 1)]
    created_at: Annotated[Time, describe("When it was asked for.", "2026-11-24T10:00:00Z")]
    parameters: NotRequired[
        Annotated[dict[str, str | None], describe("Only with a task that has parameters: values; null if secret.")]
    ]


class FleetExecution(Execution):
    """The first execution of a fleet run."""

    fleet_run_id: Annotated[Id, describe("The fleet run.", 3)]


class FleetStart(TypedDict):
    """A fleet run of which no execution has started yet."""

    fleet_run_id: Annotated[Id, describe("The fleet run.", 3)]


class Server(TypedDict):
    """A machine that commands run on, reached over SSH. Its credential is never shown."""

    id: Annotated[Id, describe("The server's number: `server_id` elsewhere.", 1)]
    name: Annotated[str, describe("The unique name.", "web-1")]
    host: Annotated[str, describe("The host name or IP address.", "192.0.2.7")]
    port: Annotated[int, describe("The SSH port.", 22)]
    username: Annotated[str, describe("The account that commands run as.", "deploy")]
    tags: Annotated[list[str], describe("Its tags, for filters and grants.", ["web"])]
    max_parallel: Annotated[int, describe("How many commands may run on it at once.", 10)]
    status: Annotated[int, describe("0 disabled, 1 enabled: runs may start on it.", 1)]
    jump_server_id: Annotated[
        Id | None, describe("The server through which it is reached; null for none, or one that you may not see.", 2)
    ]
    created_by: Annotated[int, describe("The user who registered it.", 1)]
    created_at: Annotated[Time, describe("When it was registered.", "2026-11-24T09:00:00Z")]
    updated_at: Annotated[Time, describe("When it was last changed.", "2026-11-24T09:00:00Z")]


class User(TypedDict):
    """A user of sshcast."""

    id: Annotated[Id, describe("The user's number.", 1)]
    username: Annotated[str, describe("The name to sign in with.", "alice")]
    role: Annotated[str, describe("What the user may do on every server.", "operator", values=Role)]
    created_at: Annotated[Time, describe("When the user was added.", "2026-11-24T09:00:00Z")]


class Log(TypedDict):
    """What an execution has written so far, after the cursor."""

    output: Annotated[str, describe("What the command wrote to stdout.", "done\n")]
    error: Annotated[
        str, describe("What it wrote to stderr; at its end a reason that is sshcast's, such as TIMEOUT.", "")
    ]
    status: Status
    start_time: Annotated[Time | None, describe("When it was started.", "2026-11-24T10:00:00Z")]
    end_time: Annotated[Time | None, describe("When it ended.", "2026-11-24T10:00:05Z")]
    duration: Duration
    execution_id: Annotated[Id, describe("The execution's number.", 123)]
    state: RunState
    exit_code: ExitCode
    truncated: Truncated
    cursor: Annotated[str, describe("The position after this output, to go on from with `cursor`.", "o5")]
    output_gap: NotRequired[Annotated[dict[str, Any], describe("Which bytes were left out over the output limit.")]]
    output_base64: NotRequired[Annotated[str, describe("With `encoding=base64`: the exact bytes of stdout.")]]
    error_base64: NotRequired[Annotated[str, describe("With `encoding=base64`: the exact bytes of stderr.")]]


class LogMatch(TypedDict):
    """A line that a search found."""

    line: Annotated[int, describe("The line's number, from 1.", 12)]
    stream: Annotated[str, describe("The stream that it was written to.", "stdout", values=Stream)]
    text: Annotated[str, describe("The line.", "error: disk full")]
    cut: Annotated[bool, describe("Whether the line is longer than what is shown.", False)]
    ranges: Annotated[list[list[int]], describe("Where the matches are in `text`: start and end.", [[0, 5]])]
    before: Annotated[list[str], describe("The lines before it, as many as `context`.", [])]
    after: Annotated[list[str], describe("The lines after it.", [])]
    start_cursor: Annotated[str, describe("The position where the line begins.", "o120")]
    end_cursor: Annotated[str, describe("The position after the line.", "o137")]


class LogSearch(TypedDict):
    """The lines that a search found."""

    execution_id: Annotated[Id, describe("The execution's number.", 123)]
    matches: list[LogMatch]
    cursor: Annotated[str, describe("The position to go on from with `cursor`.", "o137")]
    complete: Annotated[bool, describe("Whether all of the output was searched.", True)]
    scanned_bytes: Annotated[int, describe("How many bytes were searched.", 137)]


class Envelope(TypedDict):
    """What every answer about one object has around it."""

    code: Annotated[Literal[200], describe("The HTTP status again.", 200)]
    message: Annotated[str, describe("What was done, in the language of Accept-Language.", "OK")]


class TaskAnswer(Envelope):
    """A task."""

    data: Task


class TaskCreatedAnswer(Envelope):
    """A new task, with both numbers again at the top."""

    data: CreatedTask
    id: Annotated[Id, describe("The task's number.", 7)]
    execution_id: Annotated[Id | None, describe("The execution that `@once` started; null if none was.", 123)]


class DeletedTask(TypedDict):
    """The number of a task that was deleted."""

    id: Annotated[Id, describe("The task's number.", 7)]


class TaskDeletedAnswer(Envelope):
    """A task that was deleted."""

    data: DeletedTask


class ExecutionAnswer(Envelope):
    """An execution."""

    data: Execution


class ExecutionChangedAnswer(ExecutionAnswer):
    """An execution that was started or is being cancelled, with its number again at the top."""

    execution_id: Annotated[Id, describe("The execution's number.", 123)]


class FleetStartedAnswer(Envelope):
    """A fleet run that was started, since the task is a fleet task."""

    data: FleetExecution | FleetStart
    execution_id: Annotated[Id | None, describe("Its first execution; null if none has started yet.", 123)]
    fleet_run_id: Annotated[Id, describe("The fleet run.", 3)]


class Tokens(TypedDict):
    """The tokens of a sign-in."""

    access_token: Annotated[str, describe("The token for `Authorization: Bearer`; it is good for a short time.")]
    refresh_token: NotRequired[
        Annotated[str, describe("The token for `POST /api/auth/refresh`, good once; absent where a cookie holds it.")]
    ]
    user: User


class SignInAnswer(Envelope):
    """A sign-in."""

    data: Tokens


class SignedOutAnswer(Envelope):
    """The end of a session."""

    data: None


class ProfileAnswer(Envelope):
    """The signed-in user."""

    data: User


class NumberedPage(TypedDict):
    """What every page of a list has."""

    total: Annotated[int, describe("How many objects the filters select, on all pages.", 1)]
    page: Annotated[int, describe("The page.", 1)]
    page_size: Annotated[int, describe("How many objects a page has.", 10)]


class TaskPage(NumberedPage):
    """A page of tasks."""

    list: list[Task]


class ServerPage(NumberedPage):
    """A page of servers."""

    list: list[Server]


class ExecutionPage(NumberedPage):
    """A page of executions."""

    list: list[Execution]
