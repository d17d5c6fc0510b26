"""What commands need of the API, whichever way it is reached, and how its refusals become sentences."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sshcast.errors import CommandFailed
from sshcast.words import choose

# The queries that answer null where there is no such object.
MAY_BE_NULL = frozenset({"execution", "fleetRun", "node", "server", "task", "user"})
UNKNOWN_WORDS = (
    *("Cannot query field", "Unknown argument", "Unknown type", "is not defined by type", "Unknown field"),
    "not to include unknown field",
)


class ApiRefused(CommandFailed):
    """The service refused a request. `code` is the error's stable code, `field` the input field that it is about."""

    status = 2

    def __init__(self, text: str, code: str, field: tuple[str, ...] = ()) -> None:
        super().__init__(f"{'.'.join(field)}: {text}" if field else text)
        self.code = code
        self.field = field


class ConnectionLost(CommandFailed):
    """The service did not answer, or not to the end: what was asked for may have been done."""


class NeverReached(ConnectionLost):
    """No connection to the service came about, so nothing was asked of it."""


class Api(Protocol):
    """A service's GraphQL API. `place` names the service in notes; `is_local`: it is this machine's database."""

    @property
    def place(self) -> str: ...
    @property
    def is_local(self) -> bool: ...

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of a query or mutation. Raise ApiRefused also for the errors of a payload."""
        ...

    def subscribe(self, document: str, variables: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the data of each event. Raise ConnectionLost when the stream is cut before its end."""
        ...

    def interrupt(self) -> None:
        """Let what the main thread waits for end with KeyboardInterrupt. A handler of signals calls it there."""
        ...


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """A GraphQL answer as it came."""

    body: Mapping[str, Any]

    def read(self, place: str) -> dict[str, Any]:
        """Return its data; raise ApiRefused for its errors, or for those of the payload of a mutation."""
        errors = self.body.get("errors")
        if isinstance(errors, list) and errors:
            raise _build_refusal(errors[0], place)
        data = self.body.get("data")
        if errors or not isinstance(data, dict) or not data or _lacks_an_answer(data):  # of other programs
            raise CommandFailed(
                choose(
                    f"{place} gave an answer that is not GraphQL's: is it the address of an sshcast service?",
                    f"{place} 的应答不是 GraphQL：它是 sshcast 服务的地址吗？",
                )
            )
        for payload in data.values():
            if isinstance(payload, dict) and payload.get("errors"):
                error = payload["errors"][0]
                raise ApiRefused(_get_message(error), str(error.get("code", "")), tuple(error.get("field") or ()))
        return data


def _lacks_an_answer(data: Mapping[str, Any]) -> bool:
    """Tell whether a field is null, without an error, that never is: every document asks for something."""
    return any(value is None and name not in MAY_BE_NULL for name, value in data.items())


def _build_refusal(error: Any, place: str) -> CommandFailed:
    message = _get_message(error)
    extensions = (error.get("extensions") if isinstance(error, dict) else None) or {}
    code = str(extensions.get("code", ""))
    if any(word in message for word in UNKNOWN_WORDS):
        return CommandFailed(
            choose(
                f"{place} is of another version than this command line ({message}): bring both to the same version",
                f"{place} 与此命令行的版本不同（{message}）：请将两者升级到同一版本",
            )
        )
    return ApiRefused(message, code, tuple(map(str, extensions.get("field") or ())))


def _get_message(error: Any) -> str:
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)
