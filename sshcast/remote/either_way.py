"""The decorator of commands that were there before contexts: without a context, they work as they always did."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from sshcast.remote.choice import Choice, find_context
from sshcast.remote.options import SHARED, with_api

Command = Callable[..., int | None]


def with_api_or(here: Callable[..., None], *, acts_for_users: bool) -> Callable[[Command], Callable[..., None]]:
    """Add the shared options to a command, and run it through the API, or `here` where this machine's database is used.

    `here` gets the choice and the command's own options. It prints no JSON, so that `--json` works through the API
    always. `acts_for_users`: whether it knows `--as`; else that option works through the API too.
    """

    def decorate(command: Command) -> Callable[..., None]:
        through_api = with_api(command)

        @wraps(through_api)
        def call(**options: Any) -> None:
            choice = Choice(options["local"], options["context"], options["run_as"], options["data"])
            is_plain = not options["json"] and (acts_for_users or choice.run_as is None)
            if is_plain and find_context(choice) is None:
                here(choice, **{name: value for name, value in options.items() if name not in SHARED})
                return
            through_api(**options)

        call.__dict__["__signature__"] = inspect.signature(through_api)
        return call

    return decorate
