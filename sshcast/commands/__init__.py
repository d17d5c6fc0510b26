"""The commands of the command line. Each module is imported when a command first needs it.

`sshcast user add` needs neither GraphQL nor SSH: importing everything would make it three times as slow.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that calls are checked all the same
    from sshcast.commands import (
        accounts,
        audit,
        demo,
        execute,
        failure,
        identities,
        migrate,
        operation,
        password,
        rescan,
        schema,
        secrets,
        serve,
        server_add,
        start,
        tail,
        token,
        version,
        web,
        work,
    )

__all__ = [
    "accounts",
    "audit",
    "demo",
    "execute",
    "failure",
    "identities",
    "migrate",
    "operation",
    "password",
    "rescan",
    "schema",
    "secrets",
    "serve",
    "server_add",
    "start",
    "tail",
    "token",
    "version",
    "web",
    "work",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
