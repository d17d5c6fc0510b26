"""The bodies of REST requests: their fields, as they are read and as the OpenAPI document shows them."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from resolvers.validation import LONGEST_NAME, MAX_COMMAND_BYTES, MAX_ID
from sshcast.rest.objects import describe

MAX_CRON = 50
MAX_USERNAME = 64
MAX_PASSWORD = 1024
MAX_REFRESH_TOKEN = 4096
MAX_CODE = 128
IN_COOKIE = "cookie"

Name = Annotated[str, describe("The task's name.", "disk check", min_length=1, max_length=LONGEST_NAME)]
Command = Annotated[
    str,
    describe(
        f"The command, as shell text: at most {MAX_COMMAND_BYTES} bytes of UTF-8, without NUL.",
        "df -h",
        min_length=1,
        max_length=MAX_COMMAND_BYTES,
    ),
]
ServerId = Annotated[int, describe("The number of the server to run it on.", 1, ge=1, le=MAX_ID, format="int64")]
CronExpr = Annotated[
    str,
    describe(
        "When it runs: a cron expression; `@once` for once, now; `@manual` for only when it is asked for.",
        "@once",
        min_length=1,
        max_length=MAX_CRON,
    ),
]

Keep = Annotated[
    Literal["cookie"],
    describe(
        "For browsers: the answer puts the refresh token into a cookie that scripts cannot read, and not into its body."
    ),
]


class NewTask(TypedDict):
    """A new task."""

    name: Name
    command: Command
    server_id: ServerId
    cron_expr: CronExpr


class TaskChange(TypedDict):
    """What to change of a task: any of these fields. The others stay."""

    name: NotRequired[Name]
    command: NotRequired[Command]
    server_id: NotRequired[
        Annotated[int, describe("The server to run it on; 0 for a fleet task, which stays one.", 1, ge=0, le=MAX_ID)]
    ]
    cron_expr: NotRequired[CronExpr]
    status: NotRequired[Annotated[int, describe("0 disables it, 1 enables it.", 1, ge=0, le=1)]]


class RunTask(TypedDict):
    """How to run a task."""

    parameters: NotRequired[
        Annotated[dict[str, str], describe("Values of the task's parameters, by their names.", {"days": "7"})]
    ]


class Login(TypedDict):
    """A name and a password."""

    username: Annotated[str, describe("The user's name.", "alice", min_length=1, max_length=MAX_USERNAME)]
    password: Annotated[str, describe("The password.", "a long enough password", min_length=1, max_length=MAX_PASSWORD)]
    keep: NotRequired[Keep]


class Refresh(TypedDict):
    """A refresh token; none where the cookie of a browser's sign-in holds it."""

    refresh_token: NotRequired[
        Annotated[
            str, describe("The newest refresh token: each is good once.", min_length=1, max_length=MAX_REFRESH_TOKEN)
        ]
    ]


class SignInLink(TypedDict):
    """The one-time code of a sign-in link."""

    code: Annotated[str, describe("The code.", min_length=1, max_length=MAX_CODE)]
    keep: NotRequired[Keep]


class Empty(TypedDict):
    """No fields: an empty object, or no body at all."""
