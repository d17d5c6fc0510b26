"""Options that several commands share, or that are many: a dataclass whose fields become options of a command."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

from sshcast.remote.api import Api
from sshcast.remote.printing import Printer


def with_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Replace each parameter whose type is a dataclass by options for its fields, and pass the dataclass.

    Stands below `with_api`, whose `api` and `printer` are passed on.
    """
    given = inspect.signature(command, eval_str=True).parameters
    own = {name: each for name, each in given.items() if name not in ("api", "printer")}
    groups = {name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)}
    plain = [each for name, each in own.items() if name not in groups]
    added = [parameter for kind in groups.values() for parameter in _list_parameters(kind)]

    @wraps(command)
    def call(api: Api, printer: Printer, **options: Any) -> int | None:
        made = {name: _take(kind, options) for name, kind in groups.items()}
        return command(api, printer, **options, **made)

    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in plain]
    call.__dict__["__signature__"] = inspect.Signature([*keywords, *added])
    return call


def _list_parameters(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[each.name],
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
        )
        for each in fields(kind)
    ]


def _take(kind: Any, options: dict[str, Any]) -> Any:
    return kind(**{each.name: options.pop(each.name) for each in fields(kind)})
